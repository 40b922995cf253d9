import { describe, expect, it } from "vitest";
import { Allergen } from "#gen/muster/orders/v1/allergen_pb";
import { Layouter } from "../src/model/layout.ts";
import { lines } from "../src/model/metrics.ts";
import type { Card } from "../src/model/view.ts";
import { card, item, ticket } from "./make.ts";

const measure = (text: string, size: number) => text.length * size * 0.55;
const CELL = { width: 376, height: 464 };
const pages = (cards: Card[], perPage = 10) => new Layouter(measure).pages(cards, perPage, CELL, 36);
const order = (n: number, items: number, more = {}) =>
  card(ticket(`o${n}`, 1, { items: Array.from({ length: items }, (_, at) => item(`o${n}-${at}`)), ...more }));

describe("lines of a text", () => {
  const wide = (part: string) => part.length * 10;
  it("break at spaces, and inside words that are too long", () => {
    expect(lines("", 100, wide)).toBe(0);
    expect(lines("one two", 100, wide)).toBe(1);
    expect(lines("one two three", 100, wide)).toBe(2);
    expect(lines("abcdefghijklmnopqrstuvwxyz", 100, wide)).toBe(3);
  });
});

describe("pages", () => {
  it("hold as many tickets as there are cells, oldest first", () => {
    const made = pages(Array.from({ length: 23 }, (_, n) => order(n, 2)));
    expect(made.map((page) => page.cards.length)).toEqual([10, 10, 3]);
    expect(made[1]?.cards[0]?.ticket.orderId).toBe("o10");
  });

  it("tear a long ticket, and keep each of its lines exactly once", () => {
    const [page] = pages([order(1, 9)]);
    expect(page?.cards).toHaveLength(1);
    expect(page?.parts.length).toBeGreaterThan(1);
    const ids = page?.parts
      .flatMap((part) => part.rows)
      .flatMap((row) => (row.kind === "item" ? [row.item.itemId] : []));
    expect(ids).toEqual(Array.from({ length: 9 }, (_, at) => `o1-${at}`));
    expect(page?.parts.map((part) => `${part.index + 1}/${part.of}`)).toEqual(
      page?.parts.map((_, at) => `${at + 1}/${page.parts.length}`),
    );
  });

  it("never tear a ticket between two pages", () => {
    const made = pages([...Array.from({ length: 9 }, (_, n) => order(n, 2)), order(9, 9)]);
    expect(made[0]?.cards).toHaveLength(9);
    expect(made[1]?.cards[0]?.ticket.orderId).toBe("o9");
  });

  it("lose no line of any ticket, and give the last part its footer", () => {
    for (let n = 1; n <= 40; n += 1) {
      const items = Array.from({ length: n }, (_, at) =>
        item(`i${at}`, {
          name: "Grilled thing ".repeat((at % 3) + 1),
          notes: at % 4 === 0 ? "cut in half for sharing" : "",
          guestAllergies: at % 5 === 0 ? [Allergen.PEANUTS] : [],
          needsAcknowledgement: at % 5 === 0,
          modifiers: Array.from({ length: at % 4 }, (_, m) => ({
            modifierId: String(m),
            kitchenName: "No onion",
            quantity: 1,
          })),
        }),
      );
      const [page] = pages([card(ticket("o1", 1, { items, notes: "together", heldCourses: [2] }))], 30);
      const rows = page?.parts.flatMap((part) => part.rows) ?? [];
      expect(rows.filter((row) => row.kind === "item")).toHaveLength(n);
      expect(rows.filter((row) => row.kind === "held")).toHaveLength(1);
      expect(page?.parts.at(-1)?.rows.length).toBeGreaterThan(0);
    }
  });

  it("are not reckoned again for a card that stayed the same", () => {
    let measured = 0;
    const layouter = new Layouter((text, size) => {
      measured += 1;
      return measure(text, size);
    });
    const cards = Array.from({ length: 200 }, (_, n) => order(n, 3));
    layouter.pages(cards, 10, CELL, 36);
    const before = measured;
    layouter.pages([...cards.slice(1), order(999, 3)], 10, CELL, 36);
    expect(measured - before).toBeLessThan(30);
  });
});
