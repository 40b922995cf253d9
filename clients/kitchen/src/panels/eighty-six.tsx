import { useDeferredValue, useMemo, useState } from "react";
import { StockState } from "#gen/muster/orders/v1/menu_pb";
import { useApp, useKitchen, useShift } from "../context.tsx";
import { useCall } from "./use-call.ts";

interface Level {
  state: StockState;
  remaining: number;
}

/** What cannot be ordered, what is counted down, and the rest of the menu to choose from. */
export function EightySix() {
  const { platform, device } = useApp();
  const locationId = device?.locationId ?? "";
  const call = useCall((signal) => platform.rpc.menu.getMenu({ locationId }, { signal }));
  const [search, setSearch] = useState("");
  const wanted = useDeferredValue(search.trim().toLowerCase());
  const level = useLevels();
  const items = useMemo(() => {
    if (call.state !== "here") return [];
    const { categories, items } = call.value;
    const heading = new Map(categories.map((category) => [category.id, category.name]));
    return items.map((item) => ({ id: item.id, name: item.name, heading: heading.get(item.categoryId) ?? "" }));
  }, [call]);

  if (call.state === "asking") return <p role="status">Asking…</p>;
  if (call.state === "failed") return <p role="alert">The menu cannot be had now: {call.message}</p>;
  const rank = (id: string) => (level(id).state === StockState.IN_STOCK ? 1 : 0);
  const shown = items
    .filter((item) => !wanted || `${item.name} ${item.heading}`.toLowerCase().includes(wanted))
    .sort((a, b) => rank(a.id) - rank(b.id));
  return (
    <>
      <label className="search">
        <span>Find an item</span>
        <input type="search" value={search} onChange={(event) => setSearch(event.target.value)} autoComplete="off" />
      </label>
      <ul className="rows">
        {shown.map((item) => (
          <Item key={item.id} id={item.id} name={item.name} heading={item.heading} level={level(item.id)} />
        ))}
      </ul>
      {shown.length === 0 && <p>No item has that name.</p>}
    </>
  );
}

/** What the server told, and over it what was done here and is not answered yet. */
function useLevels(): (id: string) => Level {
  const stock = useKitchen((state) => state.board.stock);
  const intents = useKitchen((state) => state.intents);
  return (id) => {
    const told = stock.get(id);
    let level: Level = { state: told?.state ?? StockState.IN_STOCK, remaining: told?.remaining ?? 0 };
    for (const intent of intents) if (intent.kind === "stock" && intent.menuItemId === id) level = intent;
    return level;
  };
}

function Item({ id, name, heading, level }: { id: string; name: string; heading: string; level: Level }) {
  const { cook } = useShift();
  const counted = level.state === StockState.COUNTDOWN;
  const out = level.state === StockState.OUT || (counted && level.remaining === 0);
  const set = (state: StockState, remaining = 0) => cook.setStock(id, name, state, remaining);
  const count = (to: number) => set(StockState.COUNTDOWN, Math.max(0, to));
  return (
    <li className={out ? "is-out" : ""}>
      <span className="row-text">
        <b>{name}</b>
        <small>{heading}</small>
        <small className="stock-word">{out ? "86: OUT" : counted ? `${level.remaining} left` : ""}</small>
      </span>
      {out ? (
        <button type="button" className="button strong" onClick={() => set(StockState.IN_STOCK)}>
          Back in stock<span className="visually-hidden"> {name}</span>
        </button>
      ) : (
        <span className="row-tools">
          {counted && (
            <>
              <button type="button" className="button" onClick={() => count(level.remaining - 1)}>
                −1<span className="visually-hidden"> {name}</span>
              </button>
              <button type="button" className="button" onClick={() => count(level.remaining + 1)}>
                +1<span className="visually-hidden"> {name}</span>
              </button>
              <button type="button" className="button" onClick={() => set(StockState.IN_STOCK)}>
                Stop counting<span className="visually-hidden"> {name}</span>
              </button>
            </>
          )}
          {!counted && (
            <button type="button" className="button" onClick={() => count(10)}>
              Count down<span className="visually-hidden"> {name}</span>
            </button>
          )}
          <button type="button" className="button out" onClick={() => set(StockState.OUT)}>
            86<span className="visually-hidden"> {name}</span>
          </button>
        </span>
      )}
    </li>
  );
}
