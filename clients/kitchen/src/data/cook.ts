import { StockState } from "#gen/muster/orders/v1/menu_pb";
import { PrepState } from "#gen/muster/orders/v1/order_pb";
import type { Ticket, TicketItem } from "#gen/muster/orders/v1/ticket_pb";
import { type Intent, undone } from "../model/intents.ts";
import type { Card } from "../model/view.ts";
import { type Command, encode } from "./commands.ts";
import type { Kitchen } from "./kitchen.ts";

/** A bump that was not made, because somebody has to look first. */
export type Objection = "allergy" | "not-ready" | undefined;

interface Past {
  ticket: Ticket;
  itemIds: readonly string[];
}

/** An intent before it has its key. */
type Draft<I> = I extends Intent ? Omit<I, "key"> : never;

/** How long the undo bar stays. */
export const UNDO_MS = 5_000;
const REMEMBERED_BUMPS = 50;

/** What a cook does. Every command names the lines that were on the screen, so it never swallows an unseen one. */
export class Cook {
  /** Own bumps, the last one at the end. */
  private readonly past: Past[] = [];

  constructor(
    private readonly kitchen: Kitchen,
    private readonly locationId: string,
    private readonly newKey: () => string = () => crypto.randomUUID(),
  ) {}

  /** Bumps all that is undone. `forced` hands an order out that is not ready; only after somebody said so twice. */
  bump({ ticket, expo }: Card, forced = false): Objection {
    const items = undone(ticket);
    if (items.length === 0) return undefined;
    if (items.some((item) => item.needsAcknowledgement && !item.voided)) return "allergy";
    const force = expo && items.some((item) => !item.ready && !item.voided);
    if (force && !forced) return "not-ready";
    const label = `Bump order ${ticket.number}`;
    const itemIds = ids(items);
    const { id, orderId } = ticket;
    const key = expo
      ? this.do("BumpOrder", { orderId, itemIds, force }, label, { kind: "handOut", orderId, itemIds })
      : this.do("BumpItems", lines(ticket, itemIds), label, { kind: "bump", ticketId: id, itemIds });
    this.remember(key, ticket, itemIds, `order ${ticket.number}`);
    return undefined;
  }

  /** Strikes one line, or takes the strike back. */
  strike({ ticket, expo }: Card, item: TicketItem): Objection {
    const itemIds = [item.itemId];
    if (item.state === PrepState.DONE) {
      this.unbump({ ticket, itemIds });
      return undefined;
    }
    if (item.needsAcknowledgement && !item.voided) return "allergy";
    if (expo && !item.ready && !item.voided) return "not-ready";
    const name = `${item.quantity}× ${item.name}, order ${ticket.number}`;
    const intent = { kind: "bump", ticketId: ticket.id, itemIds } as const;
    const key = this.do("BumpItems", lines(ticket, itemIds), `Bump ${name}`, intent);
    this.remember(key, ticket, itemIds, name);
    return undefined;
  }

  startTicket({ ticket }: Card): void {
    const itemIds = ids(ticket.items.filter((item) => item.state === PrepState.NEW && !item.voided));
    if (itemIds.length === 0) return;
    const intent = { kind: "start", ticketId: ticket.id, itemIds } as const;
    this.do("StartItems", lines(ticket, itemIds), `Start order ${ticket.number}`, intent);
  }

  acknowledge({ ticket }: Card, items: readonly TicketItem[]): void {
    const itemIds = ids(items.filter((item) => item.needsAcknowledgement));
    if (itemIds.length === 0) return;
    const intent = { kind: "acknowledge", ticketId: ticket.id, itemIds } as const;
    this.do("AcknowledgeAllergies", lines(ticket, itemIds), `Allergies seen, order ${ticket.number}`, intent);
  }

  /** Takes the last bump back. What was not sent yet is never sent. */
  async undo(): Promise<void> {
    const { undo } = this.kitchen.store.get();
    if (!undo) return;
    this.kitchen.store.set({ undo: undefined });
    const past = this.past.pop();
    const never = await this.kitchen.withdraw(undo.key);
    if (!never && past) this.unbump(past);
  }

  /** The undo bar has been there long enough. */
  settled(): void {
    this.kitchen.store.set({ undo: undefined });
  }

  /** Brings the ticket back that was bumped last at this screen. False: this screen remembers none. */
  recallLast(): boolean {
    if (this.kitchen.store.get().undo) {
      void this.undo();
      return true;
    }
    const past = this.past.pop();
    if (past) this.unbump(past);
    return past !== undefined;
  }

  recall(ticket: Ticket): void {
    const { id, orderId, stationId } = ticket;
    const intent = { kind: "recall", ticketId: id, ticket } as const;
    this.do("RecallTicket", { orderId, stationId }, `Recall order ${ticket.number}`, intent);
  }

  setStock(menuItemId: string, name: string, state: StockState, remaining: number): void {
    const words = { [StockState.OUT]: "86", [StockState.COUNTDOWN]: `${remaining} left:` } as Record<number, string>;
    const label = `${words[state] ?? "Back in stock:"} ${name}`;
    const request = { locationId: this.locationId, menuItemId, state, remaining };
    this.do("SetStock", request, label, { kind: "stock", menuItemId, state, remaining });
  }

  private unbump({ ticket, itemIds }: Past): void {
    const intent = { kind: "unbump", ticketId: ticket.id, itemIds, ticket } as const;
    this.do("UnbumpItems", lines(ticket, itemIds), `Bring back order ${ticket.number}`, intent);
  }

  private remember(key: string, ticket: Ticket, itemIds: readonly string[], text: string): void {
    this.past.push({ ticket, itemIds });
    if (this.past.length > REMEMBERED_BUMPS) this.past.shift();
    this.kitchen.store.set({ undo: { key, text, until: this.kitchen.now() + UNDO_MS } });
  }

  private do<C extends Command>(
    method: C,
    request: Parameters<typeof encode<C>>[1],
    label: string,
    intent: Draft<Intent>,
  ): string {
    const key = this.newKey();
    this.kitchen.enqueue({ key, method, bytes: encode(method, request), label, intent: { ...intent, key } as Intent });
    return key;
  }
}

const ids = (items: readonly TicketItem[]): string[] => items.map((item) => item.itemId);

const lines = ({ orderId, stationId }: Ticket, itemIds: readonly string[]) => ({
  orderId,
  stationId,
  itemIds: [...itemIds],
});
