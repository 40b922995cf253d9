import { lines, METRICS as M, type Measure } from "./metrics.ts";
import { type Block, blocks, type Row, TAP_WORDS } from "./rows.ts";
import type { Card } from "./view.ts";

export interface Cell {
  width: number;
  height: number;
}

/** A ticket takes one cell, or more: then it is torn, and the next cell goes on with it. */
export interface Part {
  card: Card;
  rows: Row[];
  index: number;
  of: number;
}

export interface Page {
  /** Tickets of the page, in the order in which the keys 1, 2, 3… bump them. */
  cards: Card[];
  parts: Part[];
}

/** Breaks tickets into cells and cells into pages. Remembers what it reckoned for a card that stays the same. */
export class Layouter {
  private cache = new WeakMap<Card, Part[]>();
  private key = "";

  constructor(private readonly measure: Measure) {}

  pages(cards: readonly Card[], perPage: number, cell: Cell, unit: number): Page[] {
    const key = `${perPage}/${cell.width}/${cell.height}/${unit}`;
    if (key !== this.key) this.cache = new WeakMap();
    this.key = key;
    const pages: Page[] = [];
    let page: Page = { cards: [], parts: [] };
    for (const card of cards) {
      const parts = this.parts(card, cell, unit, perPage);
      if (page.parts.length > 0 && page.parts.length + parts.length > perPage) {
        pages.push(page);
        page = { cards: [], parts: [] };
      }
      page.cards.push(card);
      page.parts.push(...parts);
    }
    if (page.parts.length > 0 || pages.length === 0) pages.push(page);
    return pages;
  }

  private parts(card: Card, cell: Cell, unit: number, most: number): Part[] {
    const known = this.cache.get(card);
    if (known) return known;
    const height = (row: Row) => rowHeight(row, cell.width, unit, this.measure);
    const split = fill(blocks(card), height, room(cell, unit), unit * M.itemGapEm, most);
    const parts = split.map((rows, index) => ({ card, rows, index, of: split.length }));
    this.cache.set(card, parts);
    return parts;
  }
}

/** Browsers round lines to their own grid: better a little air than a cut line. */
const SLACK_PX = 5;

/** Border and margin of the allergy box. */
const BAND_FRAME_PX = 16;

interface Room {
  only: number;
  first: number;
  middle: number;
  last: number;
}

function room(cell: Cell, unit: number): Room {
  const frame = 2 * M.borderPx + 2 * M.bodyPadEm * unit + SLACK_PX;
  const footer = Math.max(M.footerMinPx, M.footerEm * unit);
  const header = M.headerEm * unit;
  const again = M.continuedEm * unit;
  const tear = M.tearEm * unit;
  return {
    only: cell.height - frame - header - footer,
    first: cell.height - frame - header - tear,
    middle: cell.height - frame - again - tear,
    last: cell.height - frame - again - footer,
  };
}

/** Fills parts from the top. An item goes to the next part as a whole, unless it is taller than a part. */
function fill(all: Block[], height: (row: Row) => number, space: Room, gap: number, most: number): Row[][] {
  const tall = (block: Block) => block.rows.reduce((sum, row) => sum + height(row), gap);
  const total = all.reduce((sum, block) => sum + tall(block), 0);
  if (total <= space.only) return [all.flatMap((block) => block.rows)];
  const parts: Row[][] = [[]];
  let used = 0;
  let left = total;
  const free = () => (parts.length === 1 ? space.first : space.middle) - used;
  const turn = () => {
    parts.push([]);
    used = 0;
  };
  const put = (row: Row) => {
    parts.at(-1)?.push(row);
    used += height(row);
  };
  for (const block of all) {
    // The part that ends the ticket carries the footer, so it holds less than one in the middle.
    if (parts.length > 1 && left <= space.last - used) {
      for (const row of block.rows) put(row);
      used += gap;
      left -= tall(block);
      continue;
    }
    const fits = tall(block) <= free();
    if (!fits && used > 0 && tall(block) <= space.middle) turn();
    for (const row of block.rows) {
      if (height(row) > free() && used > 0 && parts.length < most) {
        turn();
        if ("item" in row && row.kind !== "item") put({ kind: "again", item: row.item, text: row.item.name });
      }
      put(row);
    }
    used += gap;
    left -= tall(block);
  }
  if (parts.length === 1 || used > space.last) return closeWithFooter(parts, height, space, most);
  return parts;
}

/** The last part turned out too full for the footer: its last rows move to one more part. */
function closeWithFooter(parts: Row[][], height: (row: Row) => number, space: Room, most: number): Row[][] {
  if (parts.length >= most) return parts;
  const rows = parts.at(-1) ?? [];
  let from = rows.length - 1;
  while (from > 0 && rows[from]?.kind !== "item" && rows[from]?.kind !== "note" && rows[from]?.kind !== "held")
    from -= 1;
  const moved = rows.slice(from).reduce((sum, row) => sum + height(row), 0);
  if (from === 0 || moved > space.last) from = Math.max(1, rows.length - 1);
  const tail = rows.slice(from);
  if (tail.length === 0) return parts;
  const [head] = tail;
  const label: Row[] =
    head && "item" in head && head.kind !== "item" ? [{ kind: "again", item: head.item, text: head.item.name }] : [];
  return [...parts.slice(0, -1), rows.slice(0, from), [...label, ...tail]];
}

function rowHeight(row: Row, cellWidth: number, unit: number, measure: Measure): number {
  const side = 2 * M.borderPx + 2 * M.sidePadEm * unit;
  const count = (text: string, size: number, weight: number, indent: number) =>
    lines(text, cellWidth - side - indent * unit, (part) => measure(part, size * unit, weight) * 1.01);
  switch (row.kind) {
    case "item": {
      const times = measure(`${row.item.quantity}×`, unit, 800) / unit + 0.25;
      const tall = count(row.text, 1, 650, Math.max(M.quantityEm, times)) * M.nameLine + 2 * M.itemPadEm;
      return Math.max(M.itemMinEm, tall) * unit;
    }
    case "mark":
      return count(`${row.word} ${row.text}`, M.metaSize, 750, M.quantityEm + 0.6) * M.metaLine * M.metaSize * unit;
    case "modifier":
      return count(row.text, M.modifierSize, 500, M.quantityEm) * M.modifierLine * M.modifierSize * unit;
    case "remark":
      return count(row.text, M.noteSize, 500, M.quantityEm + 0.3) * M.noteLine * M.noteSize * unit;
    case "note":
      return (count(row.text, M.noteSize, 600, 0.8) * M.noteLine * M.noteSize + 0.4) * unit;
    case "allergy": {
      const words = (text: string) => count(text, M.bandSize, 750, 2.35);
      const rows = words(row.text) + (row.open ? words(TAP_WORDS) : 0);
      const tall = (rows * M.bandLine * M.bandSize + 2 * M.bandPadEm) * unit;
      return (row.open ? Math.max(M.bandTouchPx, tall) : tall) + BAND_FRAME_PX;
    }
    case "meta":
      return count(row.text, M.metaSize, 500, M.quantityEm) * M.metaLine * M.metaSize * unit;
    case "again":
      return M.metaSize * M.metaLine * unit;
    case "held":
      return (M.noteSize * M.noteLine + 0.2) * unit;
  }
}
