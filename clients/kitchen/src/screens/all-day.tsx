import { useMemo } from "react";
import { useKitchen } from "../context.tsx";
import { allDay } from "../model/allday.ts";

/** How many of each item are still to be made. */
export default function AllDay() {
  const cards = useKitchen((state) => state.view.cards);
  const lines = useMemo(() => allDay(cards), [cards]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a long list must scroll by keyboard too
    <aside className="all-day" aria-label="All-day counts" tabIndex={0}>
      <h2>All day</h2>
      {lines.length === 0 && <p className="soft">Nothing to make</p>}
      <ul>
        {lines.map((line) => (
          <li key={line.id}>
            <span className="count">{line.quantity}</span>
            <span>
              {line.name}
              {line.started > 0 && <small> {line.started} started</small>}
              {line.modifiers.map((modifier) => (
                <small className="with" key={modifier.id}>
                  {modifier.quantity}× {modifier.name}
                </small>
              ))}
            </span>
          </li>
        ))}
      </ul>
    </aside>
  );
}
