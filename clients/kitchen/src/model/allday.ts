import { PrepState } from "#gen/muster/orders/v1/order_pb";
import type { Card } from "./view.ts";

export interface AllDayLine {
  id: string;
  name: string;
  quantity: number;
  started: number;
  modifiers: { id: string; name: string; quantity: number }[];
}

/**
 * How many of each item are still to be made on this screen. Counted from the tickets that are shown, so that it never
 * disagrees with them and works without the server.
 */
export function allDay(cards: readonly Card[]): AllDayLine[] {
  const lines = new Map<string, AllDayLine>();
  const counted = new Set<string>();
  for (const { ticket } of cards) {
    for (const item of ticket.items) {
      if (item.state === PrepState.DONE || item.voided || counted.has(item.itemId)) continue;
      // The same line on two of the watched stations is still one thing to make.
      counted.add(item.itemId);
      const line = lines.get(item.menuItemId) ?? {
        id: item.menuItemId,
        name: item.name,
        quantity: 0,
        started: 0,
        modifiers: [],
      };
      line.quantity += item.quantity;
      if (item.state === PrepState.STARTED) line.started += item.quantity;
      for (const modifier of item.modifiers) {
        const count = Math.max(1, modifier.quantity) * item.quantity;
        const known = line.modifiers.find((each) => each.id === modifier.modifierId);
        if (known) known.quantity += count;
        else line.modifiers.push({ id: modifier.modifierId, name: modifier.kitchenName, quantity: count });
      }
      lines.set(item.menuItemId, line);
    }
  }
  for (const line of lines.values()) line.modifiers.sort((a, b) => b.quantity - a.quantity);
  return [...lines.values()].sort((a, b) => b.quantity - a.quantity || a.name.localeCompare(b.name));
}
