import { PrepState } from "#gen/muster/orders/v1/order_pb";
import type { TicketItem } from "#gen/muster/orders/v1/ticket_pb";
import type { Card } from "./view.ts";
import { allergenWord, changeWord } from "./words.ts";

/** One line of a ticket's body; what the layout counts and the ticket draws. */
export type Row =
  | { kind: "note"; text: string }
  | { kind: "item"; item: TicketItem; text: string }
  | { kind: "again"; item: TicketItem; text: string }
  | { kind: "mark"; item: TicketItem; word: string; text: string }
  | { kind: "modifier"; item: TicketItem; text: string }
  | { kind: "remark"; item: TicketItem; text: string }
  | { kind: "allergy"; item: TicketItem; text: string; conflict: boolean; open: boolean }
  | { kind: "meta"; item: TicketItem; text: string }
  | { kind: "held"; text: string };

/** What an allergy asks for, on a line of its own. */
export const TAP_WORDS = "Tap when seen";

/** Rows that stay together as long as they fit: an item with all that belongs to it. */
export interface Block {
  rows: Row[];
}

export function blocks(card: Card): Block[] {
  const { ticket } = card;
  const made: Block[] = [];
  if (ticket.orderVoided) made.push({ rows: [{ kind: "note", text: "ORDER VOIDED. Stop, then bump." }] });
  if (ticket.notes) made.push({ rows: [{ kind: "note", text: ticket.notes }] });
  for (const item of ticket.items) made.push({ rows: itemRows(item, card.expo) });
  for (const course of ticket.heldCourses) made.push({ rows: [{ kind: "held", text: `Course ${course} held` }] });
  return made;
}

function itemRows(item: TicketItem, expo: boolean): Row[] {
  const rows: Row[] = [{ kind: "item", item, text: item.name }];
  // What is done is shown to be done, and nothing more: the cook has no use for its details.
  const done = item.state === PrepState.DONE;
  if (item.voided) {
    rows.push({ kind: "mark", item, word: "VOID", text: item.voided.reason });
    return rows;
  }
  if (item.recalled && !done) rows.push({ kind: "mark", item, word: "RECALLED", text: "" });
  if (item.change && !done) {
    rows.push({ kind: "mark", item, word: changeWord(item.change.kind), text: item.change.text });
  }
  if (done) return rows;
  for (const modifier of item.modifiers) {
    const times = modifier.quantity > 1 ? `${modifier.quantity}× ` : "";
    rows.push({ kind: "modifier", item, text: times + modifier.kitchenName });
  }
  if (item.notes) rows.push({ kind: "remark", item, text: item.notes });
  if (hasAllergy(item)) {
    rows.push({
      kind: "allergy",
      item,
      text: allergyText(item),
      conflict: item.conflicts.length > 0,
      open: item.needsAcknowledgement,
    });
  }
  const meta = metaText(item, expo);
  if (meta) rows.push({ kind: "meta", item, text: meta });
  return rows;
}

export function hasAllergy(item: TicketItem): boolean {
  return item.guestAllergies.length > 0 || item.guestAllergyNote !== "" || item.conflicts.length > 0;
}

export function allergyText(item: TicketItem): string {
  const words = item.guestAllergies.map(allergenWord).join(", ");
  const told = [words, item.guestAllergyNote].filter(Boolean).join(": ");
  if (item.conflicts.length === 0) return `ALLERGY ${told}`;
  return `STOP: CONTAINS ${item.conflicts.map(allergenWord).join(", ")}. ALLERGY ${told}`;
}

/** As it is read and reckoned; on the screen a sign stands in the place of `O`. */
function metaText(item: TicketItem, expo: boolean): string {
  const place = placeText(item);
  const stations = item.alsoAt.map((also) => `O ${also.name}`).join("  ");
  if (!stations) return place;
  return [place, expo ? stations : `also at ${stations}`].filter(Boolean).join(" · ");
}

export function placeText(item: TicketItem): string {
  const seat = item.seat > 0 ? `Seat ${item.seat}` : "";
  const course = item.course > 0 ? `Course ${item.course}` : "";
  return [seat, course].filter(Boolean).join(" · ");
}
