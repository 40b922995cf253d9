import { useTick } from "@muster/ui/tick";
import { useEffect, useState } from "react";
import { useApp } from "../context.tsx";
import type { DeviceRecord } from "../data/db.ts";
import { type PairingStatus, pair } from "../data/pairing.ts";
import { adopt } from "../data/platform.ts";
import { ageText } from "../model/age.ts";

/** Shows a code; somebody who may types it into their phone, and this screen is in. */
export default function Pair({ paired }: { paired(device: DeviceRecord): void }) {
  const { platform } = useApp();
  const [status, setStatus] = useState<PairingStatus>({ state: "asking" });
  const [round, setRound] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new round begins a new pairing
  useEffect(() => {
    const abort = new AbortController();
    const tell = (next: PairingStatus) => {
      if (abort.signal.aborted) return;
      setStatus(next);
      if (next.state !== "paired") return;
      void adopt(platform, next.device, next.tokens).then(() => paired(next.device));
    };
    void pair(platform.open, deviceLabel(), tell, abort.signal);
    return () => abort.abort();
  }, [platform, round]);

  return (
    <main className="setup pair">
      <p className="brand">Muster Kitchen</p>
      {status.state === "code" ? (
        <>
          <h1>Type this code into Muster on your phone</h1>
          <p className="code">{status.code}</p>
          <p>Kitchen setup, then “Add a screen”.</p>
          {status.expiresAt !== undefined && <Remaining until={status.expiresAt} />}
        </>
      ) : status.state === "denied" ? (
        <>
          <h1>Somebody turned this screen away</h1>
          <button type="button" className="button strong" onClick={() => setRound(round + 1)}>
            Ask again
          </button>
        </>
      ) : status.state === "offline" ? (
        <>
          <h1>Muster does not answer</h1>
          <p role="status">Trying again. {status.reason}</p>
        </>
      ) : (
        <h1 role="status">{status.state === "paired" ? "Welcome" : "Asking for a code…"}</h1>
      )}
    </main>
  );
}

function Remaining({ until }: { until: number }) {
  const text = useTick(() => {
    const left = until - Date.now();
    // This machine's clock may be wrong by hours: say nothing rather than nonsense.
    return left > 0 && left < 3_600_000 ? `Good for ${ageText(left)}` : "";
  });
  return <p className="soft">{text}</p>;
}

function deviceLabel(): string {
  const { width, height } = window.screen;
  const system = /Android|Windows|CrOS|Linux|Mac/.exec(navigator.userAgent)?.[0] ?? "Browser";
  return `${system} ${width}×${height}`;
}
