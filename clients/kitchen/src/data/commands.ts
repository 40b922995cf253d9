import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Code, type Transport } from "@connectrpc/connect";
import { passes, refusal, unheard } from "@muster/sdk/errors";
import type { OutboxRow, Verdict } from "@muster/sdk/outbox";
import { type KitchenResult, KitchenService } from "#gen/muster/orders/v1/kitchen_service_pb";
import type { StockLevel } from "#gen/muster/orders/v1/menu_pb";
import { MenuService } from "#gen/muster/orders/v1/menu_service_pb";
import type { Intent } from "../model/intents.ts";

const METHODS = {
  StartItems: KitchenService.method.startItems,
  BumpItems: KitchenService.method.bumpItems,
  UnbumpItems: KitchenService.method.unbumpItems,
  RecallTicket: KitchenService.method.recallTicket,
  BumpOrder: KitchenService.method.bumpOrder,
  AcknowledgeAllergies: KitchenService.method.acknowledgeAllergies,
  SetStock: MenuService.method.setStock,
} as const;

export type Command = keyof typeof METHODS;
type Input<C extends Command> = MessageInitShape<(typeof METHODS)[C]["input"]>;

const TIMEOUT_MS = 8_000;
/** A server that fails at the same request this often will not come round by itself. */
const MOST_FAILURES = 5;

export function encode<C extends Command>(command: C, request: Input<C>): Uint8Array {
  const schema: DescMessage = METHODS[command].input;
  return toBinary(schema, create(schema, request as MessageInitShape<DescMessage>));
}

/** Sends one row of the outbox, and judges the answer. */
export async function send(transport: Transport, row: OutboxRow): Promise<Verdict> {
  const method = METHODS[row.method as Command];
  if (!method)
    return { kind: "refused", reason: "UNKNOWN_COMMAND", message: "This screen no longer knows how to do it." };
  const input: DescMessage = method.input;
  const output: DescMessage = method.output;
  try {
    const headers = { "idempotency-key": row.key };
    const request = fromBinary(input, row.bytes) as MessageInitShape<typeof method.input>;
    const answer = await transport.unary(method as never, undefined, TIMEOUT_MS, headers, request as never, undefined);
    return { kind: "done", answer: toBinary(output, answer.message) };
  } catch (thrown) {
    const { code, reason, message, retryAfterMs } = refusal(thrown);
    const broken = code === Code.Unknown || code === Code.Internal || code === Code.DataLoss;
    const waits = passes(code) || unheard(thrown) || code === Code.Unauthenticated;
    if (waits || (broken && row.tries + 1 < MOST_FAILURES)) {
      return { kind: "later", reason: message, ...(retryAfterMs === undefined ? {} : { afterMs: retryAfterMs }) };
    }
    return { kind: "refused", reason: reason || Code[code], message };
  }
}

export interface Answer {
  result?: KitchenResult;
  stock?: StockLevel;
}

export function readAnswer(command: string, bytes: Uint8Array): Answer {
  if (command === "SetStock") {
    const { stock } = fromBinary(METHODS.SetStock.output, bytes);
    return stock ? { stock } : {};
  }
  const method = METHODS[command as Exclude<Command, "SetStock">];
  if (!method) return {};
  const { result } = fromBinary(method.output as typeof METHODS.BumpItems.output, bytes);
  return result ? { result } : {};
}

/** What a row that is still waiting does to the screen: how a reload knows what was done before it. */
export function intentOf(row: OutboxRow): Intent | undefined {
  const { key, bytes } = row;
  switch (row.method as Command) {
    case "StartItems":
      return { key, kind: "start", ...target(fromBinary(METHODS.StartItems.input, bytes)) };
    case "BumpItems":
      return { key, kind: "bump", ...target(fromBinary(METHODS.BumpItems.input, bytes)) };
    case "AcknowledgeAllergies":
      return { key, kind: "acknowledge", ...target(fromBinary(METHODS.AcknowledgeAllergies.input, bytes)) };
    case "UnbumpItems":
      return { key, kind: "unbump", ...target(fromBinary(METHODS.UnbumpItems.input, bytes)) };
    case "RecallTicket": {
      const { orderId, stationId } = fromBinary(METHODS.RecallTicket.input, bytes);
      return { key, kind: "recall", ticketId: `${orderId}/${stationId}` };
    }
    case "BumpOrder": {
      const { orderId, itemIds } = fromBinary(METHODS.BumpOrder.input, bytes);
      return { key, kind: "handOut", orderId, itemIds };
    }
    case "SetStock": {
      const { menuItemId, state, remaining } = fromBinary(METHODS.SetStock.input, bytes);
      return { key, kind: "stock", menuItemId, state, remaining };
    }
    default:
      return undefined;
  }
}

function target(request: { orderId: string; stationId: string; itemIds: string[] }) {
  return { ticketId: `${request.orderId}/${request.stationId}`, itemIds: request.itemIds };
}
