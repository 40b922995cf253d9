import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Page } from "../model/layout.ts";
import type { Card } from "../model/view.ts";

export interface Selection {
  card: Card | undefined;
  move(by: "left" | "right" | "up" | "down", columns: number): void;
}

/** The ticket that arrow keys chose. When it goes, the one that took its place is chosen. */
export function useSelection(page: Page): Selection {
  const [chosen, setChosen] = useState<{ id: string; at: number }>();
  const byKey = useRef(false);
  const at = chosen ? page.cards.findIndex((card) => card.ticket.id === chosen.id) : -1;
  const card = chosen ? (page.cards[at] ?? page.cards[Math.min(chosen.at, page.cards.length - 1)]) : undefined;
  const id = card?.ticket.id;

  useLayoutEffect(() => {
    if (!id || !byKey.current) return;
    document.querySelector<HTMLElement>(`[data-card="${CSS.escape(id)}"]`)?.focus({ preventScroll: true });
  }, [id]);

  // A finger takes over from the keys.
  useEffect(() => {
    const drop = () => {
      byKey.current = false;
      setChosen(undefined);
    };
    addEventListener("pointerdown", drop);
    return () => removeEventListener("pointerdown", drop);
  }, []);

  const move = useCallback(
    (by: "left" | "right" | "up" | "down", columns: number) => {
      byKey.current = true;
      const cells = page.parts.map((part) => part.card.ticket.id);
      const first = cells.indexOf(id ?? "");
      if (first < 0) {
        const start = cells[0];
        if (start) setChosen({ id: start, at: 0 });
        return;
      }
      const step = { left: -1, right: 1, up: -columns, down: columns }[by];
      let to = first + step;
      // A ticket of two cells is one ticket: step over its other half.
      while (step === 1 && cells[to] === id) to += 1;
      const next = cells[to];
      if (next) setChosen({ id: next, at: page.cards.findIndex((each) => each.ticket.id === next) });
    },
    [page, id],
  );

  return { card, move };
}
