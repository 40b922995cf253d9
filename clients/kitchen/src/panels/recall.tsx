import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Ticket } from "#gen/muster/orders/v1/ticket_pb";
import { useApp, useShift } from "../context.tsx";
import { agoText } from "../model/age.ts";
import { diningWord } from "../model/words.ts";
import { useCall } from "./use-call.ts";

/** The last 50 tickets of 15 minutes, from every screen; one touch brings one back. */
export function Recall({ close }: { close(): void }) {
  const { platform, device, settings } = useApp();
  const { cook, clock } = useShift();
  const locationId = device?.locationId ?? "";
  const stationIds = [...(settings.shift?.stationIds ?? [])];
  const call = useCall((signal) => platform.rpc.kitchen.listRecentTickets({ locationId, stationIds }, { signal }));
  if (call.state === "asking") return <p role="status">Asking…</p>;
  if (call.state === "failed") {
    return (
      <>
        <p role="alert">The list cannot be had now: {call.message}</p>
        <button
          type="button"
          className="button gap-top"
          onClick={() => {
            cook.recallLast();
            close();
          }}
        >
          Bring back the last ticket of this screen
        </button>
      </>
    );
  }
  const { tickets } = call.value;
  if (tickets.length === 0) return <p>Nothing was bumped in the last 15 minutes.</p>;
  return (
    <ul className="rows">
      {tickets.map((ticket) => (
        <li key={ticket.id}>
          <span className="row-number">{ticket.number}</span>
          <span className="row-text">
            <b>{ticket.table ? `Table ${ticket.table}` : ticket.guestName || diningWord(ticket.diningOption)}</b>
            <small>{summary(ticket)}</small>
            <small>{ticket.bumpedAt ? `bumped ${agoText(clock.now() - timestampMs(ticket.bumpedAt))} ago` : ""}</small>
          </span>
          <button
            type="button"
            className="button"
            onClick={() => {
              cook.recall(ticket);
              close();
            }}
          >
            Recall<span className="visually-hidden"> order {ticket.number}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function summary(ticket: Ticket): string {
  return ticket.items.map((item) => `${item.quantity}× ${item.name}`).join(", ");
}
