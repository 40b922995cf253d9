import { useState } from "react";
import { useApp, useKitchen } from "../context.tsx";
import { DINING_OPTIONS, diningWord } from "../model/words.ts";
import { StationPicker } from "../parts/station-picker.tsx";

/** Other stations, another kind of orders, or the end of the shift. */
export function Stations({ close }: { close(): void }) {
  const { settings, change } = useApp();
  const stations = useKitchen((state) => state.board.stations);
  const [ids, setIds] = useState<readonly string[]>(settings.shift?.stationIds ?? []);
  const { shift } = settings;
  if (!shift) return null;
  const same = ids.join() === shift.stationIds.join();
  return (
    <>
      <h3>Stations</h3>
      <StationPicker stations={stations} chosen={ids} choose={setIds} />
      <button
        type="button"
        className="button strong wide gap-top"
        disabled={same}
        onClick={() => {
          change({ shift: { ...shift, stationIds: ids } });
          close();
        }}
      >
        Show these
      </button>
      <h3 className="gap-top">Only these orders</h3>
      <div className="choices">
        <button
          type="button"
          className="button"
          aria-pressed={settings.dining.length === 0}
          onClick={() => change({ dining: [] })}
        >
          All
        </button>
        {DINING_OPTIONS.map((option) => {
          const on = settings.dining.includes(option);
          const next = on ? settings.dining.filter((each) => each !== option) : [...settings.dining, option];
          return (
            <button
              type="button"
              className="button"
              key={option}
              aria-pressed={on}
              onClick={() => change({ dining: next })}
            >
              {diningWord(option)}
            </button>
          );
        })}
      </div>
      <p className="soft">What is hidden is counted at the top of the screen.</p>
      <h3 className="gap-top">End of the shift</h3>
      <button type="button" className="button quiet wide" onClick={() => change({ shift: undefined, dining: [] })}>
        End shift
      </button>
    </>
  );
}
