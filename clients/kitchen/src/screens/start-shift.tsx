import { createClient } from "@connectrpc/connect";
import { refusal } from "@muster/sdk/errors";
import { useEffect, useState } from "react";
import { type Station, StationKind } from "#gen/muster/orders/v1/station_pb";
import { StationService } from "#gen/muster/orders/v1/station_service_pb";
import { useApp } from "../context.tsx";
import { SizePicker } from "../parts/size-picker.tsx";
import { SoundTest } from "../parts/sound-test.tsx";
import { StationPicker } from "../parts/station-picker.tsx";

/** Which stations, how large, how loud. One touch later the tickets are there. */
export default function StartShift({ forget }: { forget(): void }) {
  const { platform, device, change, sound } = useApp();
  const locationId = device?.locationId ?? "";
  const [stations, setStations] = useState<readonly Station[]>([]);
  const [chosen, setChosen] = useState<readonly string[]>(device?.stationIds ?? []);
  const [problem, setProblem] = useState("");
  const [leaving, setLeaving] = useState(false);

  useEffect(() => {
    const abort = new AbortController();
    const rpc = createClient(StationService, platform.signed);
    let timer: ReturnType<typeof setTimeout>;
    const ask = () =>
      rpc.listStations({ locationId }, { signal: abort.signal }).then(
        (answer) => {
          const live = answer.stations.filter((station) => !station.archived);
          setStations(live);
          setProblem("");
          setChosen((before) => {
            const known = before.filter((id) => live.some((station) => station.id === id));
            if (known.length > 0) return known;
            return live.filter((station) => station.kind === StationKind.PREP).map((station) => station.id);
          });
        },
        (thrown) => {
          if (abort.signal.aborted) return;
          setProblem(refusal(thrown).message);
          timer = setTimeout(ask, 3_000);
        },
      );
    void ask();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [platform, locationId]);

  const expo = stations.find((station) => station.kind === StationKind.EXPO);
  const start = (mode: "stations" | "guests", stationIds: readonly string[]) => {
    void sound.unlock();
    change({ shift: { mode, stationIds }, dining: [] });
  };
  return (
    <main className="setup shift">
      <header>
        <p className="brand">Muster Kitchen{device ? ` · ${device.name}` : ""}</p>
        <h1>Start shift</h1>
      </header>
      <section>
        <h2>Stations</h2>
        {problem && <p role="alert">Muster does not answer: {problem}. Trying again.</p>}
        {stations.length === 0 && !problem && (
          <p className="soft">No stations are set up here. All tickets are shown.</p>
        )}
        <StationPicker stations={stations} chosen={chosen} choose={setChosen} />
      </section>
      <section>
        <h2>Size</h2>
        <SizePicker />
      </section>
      <section>
        <h2>Sound</h2>
        <SoundTest />
      </section>
      <footer>
        <button type="button" className="button strong huge" onClick={() => start("stations", chosen)}>
          Start shift
        </button>
        {expo && (
          <button type="button" className="button" onClick={() => start("guests", [expo.id])}>
            Guest screen: what is ready
          </button>
        )}
        {leaving ? (
          <button type="button" className="button danger" onClick={forget}>
            Forget this screen: really
          </button>
        ) : (
          <button type="button" className="button quiet" onClick={() => setLeaving(true)}>
            Forget this screen
          </button>
        )}
      </footer>
    </main>
  );
}
