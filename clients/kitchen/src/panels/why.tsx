import { timestampMs } from "@bufbuild/protobuf/wkt";
import { PrepState } from "#gen/muster/orders/v1/order_pb";
import type { TicketItem } from "#gen/muster/orders/v1/ticket_pb";
import { useKitchen } from "../context.tsx";
import { allergyText, hasAllergy } from "../model/rows.ts";
import type { Card } from "../model/view.ts";
import { changeWord, diningWord } from "../model/words.ts";

const STATE: Record<number, string> = {
  [PrepState.NEW]: "not started",
  [PrepState.STARTED]: "started",
  [PrepState.DONE]: "done",
};

/** The whole ticket, and for each line the rules that brought it to this station. */
export function Why({ card: opened }: { card: Card }) {
  const live = useKitchen((state) => state.view.cards.find((each) => each.ticket.id === opened.ticket.id));
  const zone = useKitchen((state) => state.board.timeZone);
  const { ticket, station } = live ?? opened;
  const time = (at: Parameters<typeof timestampMs>[0] | undefined) => (at ? clock(timestampMs(at), zone) : "");
  const facts: [string, string][] = [
    ["Station", station?.name ?? ""],
    ["Kind", diningWord(ticket.diningOption)],
    ["Table", ticket.table],
    ["Guest", ticket.guestName],
    ["Guests", ticket.covers > 0 ? String(ticket.covers) : ""],
    ["Served by", ticket.serverName],
    ["From", ticket.channel],
    ["Placed", time(ticket.placedAt)],
    ["Sent", time(ticket.firedAt)],
    ["Note", ticket.notes],
  ];
  return (
    <>
      <dl className="facts">
        {facts
          .filter(([, value]) => value)
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
      {ticket.items.map((item) => (
        <section className="why-item" key={item.itemId}>
          <h3>
            {item.quantity}× {item.name} <small>{item.voided ? "voided" : (STATE[item.state] ?? "")}</small>
          </h3>
          <ul>
            {details(item).map((line) => (
              <li key={line}>{line}</li>
            ))}
            {item.startedAt && <li>Started {time(item.startedAt)}</li>}
            {item.doneAt && <li>Done {time(item.doneAt)}</li>}
          </ul>
          <h4>Why it is here</h4>
          <ol>
            {item.route.map((step, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the steps of a decision never change places
              <li key={at}>{step.text}</li>
            ))}
            {item.route.length === 0 && <li>The server gave no reason.</li>}
          </ol>
        </section>
      ))}
    </>
  );
}

function details(item: TicketItem): string[] {
  const lines = item.modifiers.map(
    (modifier) => (modifier.quantity > 1 ? `${modifier.quantity}× ` : "") + modifier.name,
  );
  if (item.notes) lines.push(`Note: ${item.notes}`);
  if (hasAllergy(item)) lines.push(allergyText(item));
  if (item.change) lines.push(`${changeWord(item.change.kind)} ${item.change.text}`.trim());
  if (item.voided) lines.push(`Voided: ${item.voided.reason}`);
  for (const also of item.alsoAt) lines.push(`At ${also.name}: ${STATE[also.state] ?? "unknown"}`);
  return lines;
}

function clock(ms: number, zone: string): string {
  const format: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false };
  try {
    return new Intl.DateTimeFormat("en-GB", zone ? { ...format, timeZone: zone } : format).format(ms);
  } catch {
    return new Intl.DateTimeFormat("en-GB", format).format(ms);
  }
}
