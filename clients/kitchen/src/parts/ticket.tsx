import { Icon } from "@muster/ui/icons";
import { memo } from "react";
import { PrepState } from "#gen/muster/orders/v1/order_pb";
import { undone } from "../model/intents.ts";
import type { Part } from "../model/layout.ts";
import type { Card } from "../model/view.ts";
import { diningWord } from "../model/words.ts";
import { Age, BandWord, useBand } from "./age.tsx";
import { BodyRow, type RowActs } from "./body-row.tsx";

export interface TicketActs {
  bump(card: Card): void;
  start(card: Card): void;
  why(card: Card): void;
  rows(card: Card): RowActs;
}

interface Props {
  part: Part;
  /** The key that bumps it. */
  slot: number;
  selected: boolean;
  /** Say which station it is for: the screen watches more than one. */
  named: boolean;
  acts: TicketActs;
}

/** One cell of the grid: a ticket, or a part of one that is too long for a cell. */
export const TicketCell = memo(function TicketCell({ part, slot, selected, named, acts }: Props) {
  const { card, rows, index, of } = part;
  const { ticket } = card;
  const band = useBand(card);
  const ready = card.expo && ticket.allReady;
  const first = index === 0;
  const last = index === of - 1;
  const classes = ["ticket", ready ? "ready" : band];
  if (selected) classes.push("selected");
  if (card.pending) classes.push("pending");
  if (!first) classes.push("torn-top");
  if (!last) classes.push("torn-bottom");
  const rowActs = acts.rows(card);
  return (
    <article
      className={classes.join(" ")}
      aria-label={`Order ${ticket.number}${of > 1 ? `, part ${index + 1} of ${of}` : ""}`}
      tabIndex={-1}
      {...(first ? { "data-card": ticket.id } : {})}
      data-ticket={ticket.id}
    >
      {first ? (
        <Head card={card} slot={slot} band={band} ready={ready} named={named} start={() => acts.start(card)} />
      ) : (
        <p className="head-again">
          {ticket.number} <span>continued</span>
        </p>
      )}
      <ul className="body">
        {rows.map((row, at) => (
          <BodyRow
            // biome-ignore lint/suspicious/noArrayIndexKey: rows have no id, and keep no state
            key={`${"item" in row ? row.item.itemId : "-"}/${row.kind}/${at}`}
            row={row}
            expo={card.expo}
            acts={rowActs}
          />
        ))}
      </ul>
      {last ? <Foot card={card} ready={ready} acts={acts} /> : <p className="tear">goes on</p>}
    </article>
  );
});

interface HeadProps {
  card: Card;
  slot: number;
  band: "fresh" | "due" | "late";
  ready: boolean;
  named: boolean;
  start(): void;
}

function Head({ card, slot, band, ready, named, start }: HeadProps) {
  const { ticket, station } = card;
  const started = ticket.items.some((item) => item.state === PrepState.STARTED);
  const place = ticket.table ? `Table ${ticket.table}` : diningWord(ticket.diningOption);
  const about = [named ? station?.name : "", place, ticket.guestName || ticket.serverName];
  return (
    <button type="button" className="head" onClick={start} title="Start">
      <span className="head-line">
        <span className="slot" aria-hidden="true">
          {slot}
        </span>
        <span className="number">{ticket.number}</span>
        {card.pending && (
          <span className="waits">
            <Icon name="clock" />
            <span className="visually-hidden">not sent yet</span>
          </span>
        )}
        <Age card={card} />
      </span>
      <span className="head-line second">
        <span className="about">{about.filter(Boolean).join(" · ")}</span>
        {card.unseen && <b className="new-word">NEW</b>}
        {started && !card.expo && (
          <span className="band-word">
            <Icon name="play" />
            <span className="visually-hidden">started</span>
          </span>
        )}
        {ready && (
          <span className="band-word">
            <Icon name="check" />
            READY
          </span>
        )}
        <BandWord band={band} />
      </span>
    </button>
  );
}

function Foot({ card, ready, acts }: { card: Card; ready: boolean; acts: TicketActs }) {
  const left = undone(card.ticket);
  const allergy = left.some((item) => item.needsAcknowledgement && !item.voided);
  const waiting = card.expo && !ready && left.some((item) => !item.ready && !item.voided);
  return (
    <div className="foot">
      <button type="button" className="why" onClick={() => acts.why(card)}>
        <Icon name="why" />
        <span className="visually-hidden">Details of order {card.ticket.number}: why is this here</span>
      </button>
      <button
        type="button"
        className={`bump${ready ? " ready" : ""}${allergy ? " allergy-first" : ""}`}
        onClick={() => acts.bump(card)}
      >
        {allergy ? (
          <>
            <Icon name="allergy" /> Allergy first
          </>
        ) : card.expo ? (
          <>
            <Icon name={waiting ? "hourglass" : "check"} /> {waiting ? "Not ready" : "Hand out"}
          </>
        ) : (
          "Bump"
        )}
        <span className="visually-hidden"> order {card.ticket.number}</span>
      </button>
    </div>
  );
}
