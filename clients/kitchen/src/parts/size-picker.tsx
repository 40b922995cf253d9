import { useApp } from "../context.tsx";
import { DISTANCES, GRIDS, type Grid, PANELS, readableMetres, unit } from "../model/scale.ts";

/** How large the panel is and how far away people stand; says honestly what can be read from there. */
export function SizePicker() {
  const { settings, change } = useApp();
  const { viewing, grid } = settings;
  const { width, height } = window.screen;
  const { columns, rows } = GRIDS[grid];
  const cell = { width: (innerWidth - 16) / columns - 8, height: (innerHeight - 160) / rows - 8 };
  const size = unit(viewing, cell, width, height);
  const reach = readableMetres(size, viewing.panelInches, width, height);
  const far = reach + 0.05 >= viewing.distanceMetres;
  return (
    <>
      <div className="pick">
        <h3>Panel</h3>
        <div className="choices tight">
          {PANELS.map((inches) => (
            <button
              type="button"
              className="button"
              key={inches}
              aria-pressed={viewing.panelInches === inches}
              onClick={() => change({ viewing: { ...viewing, panelInches: inches } })}
            >
              {inches}″
            </button>
          ))}
        </div>
        <h3>Distance</h3>
        <div className="choices tight">
          {DISTANCES.map((metres) => (
            <button
              type="button"
              className="button"
              key={metres}
              aria-pressed={viewing.distanceMetres === metres}
              onClick={() => change({ viewing: { ...viewing, distanceMetres: metres } })}
            >
              {metres} m
            </button>
          ))}
        </div>
        <h3>Tickets on a page</h3>
        <div className="choices tight">
          {(Object.keys(GRIDS) as Grid[]).map((each) => (
            <button
              type="button"
              className="button"
              key={each}
              aria-pressed={grid === each}
              onClick={() => change({ grid: each })}
            >
              {GRIDS[each].columns * GRIDS[each].rows}
            </button>
          ))}
        </div>
      </div>
      <p className={far ? "soft" : "warn"} role="status">
        {far
          ? `Items are ${Math.round(size)} px: readable from ${reach.toFixed(1)} m.`
          : `Items are ${Math.round(size)} px: readable from ${reach.toFixed(1)} m only. Choose fewer tickets or a larger panel.`}
      </p>
    </>
  );
}
