import { refusal } from "@muster/sdk/errors";
import { useEffect, useState } from "react";

export type Call<T> = { state: "asking" } | { state: "here"; value: T } | { state: "failed"; message: string };

/** Asks the server once, and says so when it does not answer. */
export function useCall<T>(ask: (signal: AbortSignal) => Promise<T>): Call<T> {
  const [call, setCall] = useState<Call<T>>({ state: "asking" });
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked once, when the panel opens
  useEffect(() => {
    const abort = new AbortController();
    ask(abort.signal).then(
      (value) => setCall({ state: "here", value }),
      (thrown) => !abort.signal.aborted && setCall({ state: "failed", message: refusal(thrown).message }),
    );
    return () => abort.abort();
  }, []);
  return call;
}
