import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { type Cell, Layouter, type Page } from "../model/layout.ts";
import type { Measure } from "../model/metrics.ts";
import { METRICS } from "../model/metrics.ts";
import { GRIDS, type Grid, unit as unitOf, type Viewing } from "../model/scale.ts";
import type { Card } from "../model/view.ts";

/** How long a cook may stay on a later page before the oldest tickets are shown again. */
const RETURN_MS = 30_000;

export interface Paged {
  area: (element: HTMLElement | null) => void;
  pages: readonly Page[];
  page: Page;
  index: number;
  turn(by: 1 | -1): void;
  /** Somebody is at work here: do not turn back yet. */
  touch(): void;
  columns: number;
  rows: number;
  unit: number;
}

/** Breaks the tickets into pages that fit the screen, at a type size that can be read from where people stand. */
export function usePages(cards: readonly Card[], grid: Grid, viewing: Viewing, side: boolean): Paged {
  const [size, setSize] = useState<Cell>({ width: 0, height: 0 });
  const [area, setArea] = useState<HTMLElement | null>(null);
  const [index, setIndex] = useState(0);
  const layouter = useLayouter();
  const touched = useRef<ReturnType<typeof setTimeout>>(undefined);

  useLayoutEffect(() => {
    if (!area) return;
    const measure = () => setSize({ width: area.clientWidth, height: area.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(area);
    return () => observer.disconnect();
  }, [area]);

  const { rows } = GRIDS[grid];
  const all = GRIDS[grid].columns;
  const columns = side ? all - 1 : all;
  const cell = useMemo(() => cellOf(size, columns, rows), [size, columns, rows]);
  const unit = useMemo(() => {
    // The type must not jump when the side panel opens: reckon as if the grid had the whole width.
    const full = cellOf({ width: side ? (size.width * all) / (all - 1) : size.width, height: size.height }, all, rows);
    return unitOf(viewing, full, window.screen.width, window.screen.height);
  }, [size, side, all, rows, viewing]);

  const pages = useMemo(
    () => (size.width === 0 ? [{ cards: [], parts: [] }] : layouter.pages(cards, columns * rows, cell, unit)),
    [layouter, cards, columns, rows, cell, unit, size.width],
  );
  const shown = Math.min(index, pages.length - 1);

  const touch = useCallback(() => {
    clearTimeout(touched.current);
    touched.current = setTimeout(() => setIndex(0), RETURN_MS);
  }, []);
  useEffect(() => () => clearTimeout(touched.current), []);

  const turn = useCallback(
    (by: 1 | -1) => {
      touch();
      setIndex((before) => Math.max(0, Math.min(pages.length - 1, Math.min(before, pages.length - 1) + by)));
    },
    [pages.length, touch],
  );

  const page = pages[shown] ?? { cards: [], parts: [] };
  return { area: setArea, pages, page, index: shown, turn, touch, columns, rows, unit };
}

function cellOf({ width, height }: Cell, columns: number, rows: number): Cell {
  const gap = METRICS.gapPx;
  return {
    width: Math.max(1, Math.floor((width - (columns - 1) * gap) / columns)),
    height: Math.max(1, Math.floor((height - (rows - 1) * gap) / rows)),
  };
}

/** One that measures with the real font: made anew when the font has come. */
function useLayouter(): Layouter {
  const [ready, setReady] = useState(false);
  useEffect(() => {
    let gone = false;
    void document.fonts?.load('650 32px "Inter Variable"').then(() => !gone && setReady(true));
    return () => {
      gone = true;
    };
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the font decides what is measured
  return useMemo(() => new Layouter(canvasMeasure()), [ready]);
}

function canvasMeasure(): Measure {
  const context = document.createElement("canvas").getContext("2d");
  const known = new Map<string, number>();
  return (text, size, weight) => {
    const key = `${weight}/${size}/${text}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    if (known.size > 5_000) known.clear();
    let width = text.length * size * 0.58;
    if (context) {
      context.font = `${weight} ${size}px "Inter Variable", system-ui, sans-serif`;
      width = context.measureText(text).width;
    }
    known.set(key, width);
    return width;
  };
}
