import { Icon } from "@muster/ui/icons";
import { PrepState } from "#gen/muster/orders/v1/order_pb";
import type { AlsoAt, TicketItem } from "#gen/muster/orders/v1/ticket_pb";
import { placeText, type Row, TAP_WORDS } from "../model/rows.ts";

export interface RowActs {
  strike(item: TicketItem): void;
  acknowledge(item: TicketItem): void;
}

/** One row of a ticket. What stands here, and how high it is, is reckoned by the layout: keep the two alike. */
export function BodyRow({ row, expo, acts }: { row: Row; expo: boolean; acts: RowActs }) {
  switch (row.kind) {
    case "item":
      return <ItemRow item={row.item} strike={acts.strike} />;
    case "again":
      return <li className="row again">{row.text}, continued</li>;
    case "mark":
      return (
        <li className="row mark">
          <b className={`mark-word ${row.word.toLowerCase()}`}>{row.word}</b> {row.text}
        </li>
      );
    case "modifier":
      return <li className="row modifier">{row.text}</li>;
    case "remark":
      return <li className="row remark">{row.text}</li>;
    case "note":
      return <li className="row note">{row.text}</li>;
    case "held":
      return <li className="row held">{row.text}</li>;
    case "allergy":
      return (
        <li className="row allergy-row">
          {row.open ? (
            <button
              type="button"
              className={`allergy open${row.conflict ? " conflict" : ""}`}
              onClick={() => acts.acknowledge(row.item)}
            >
              <Icon name="allergy" />
              <span>
                {row.text} <u>{TAP_WORDS}</u>
              </span>
            </button>
          ) : (
            <p className={`allergy${row.conflict ? " conflict" : ""}`}>
              <Icon name="check" />
              <span>{row.text}</span>
            </p>
          )}
        </li>
      );
    case "meta":
      return (
        <li className="row meta">
          {placeText(row.item)}
          {placeText(row.item) && row.item.alsoAt.length > 0 ? " · " : ""}
          {row.item.alsoAt.length > 0 && !expo ? "also at " : ""}
          {row.item.alsoAt.map((also) => (
            <Elsewhere key={also.stationId} also={also} />
          ))}
        </li>
      );
  }
}

function Elsewhere({ also }: { also: AlsoAt }) {
  const done = also.state === PrepState.DONE;
  const word = done ? "done" : also.state === PrepState.STARTED ? "started" : "not started";
  return (
    <span className={`elsewhere ${done ? "done" : ""}`}>
      <Icon name={done ? "check" : also.state === PrepState.STARTED ? "play" : "clock"} />
      {also.name}
      <span className="visually-hidden"> {word}</span>{" "}
    </span>
  );
}

function ItemRow({ item, strike }: { item: TicketItem; strike(item: TicketItem): void }) {
  const done = item.state === PrepState.DONE;
  const classes = ["item"];
  if (done) classes.push("done");
  if (item.state === PrepState.STARTED) classes.push("started");
  if (item.voided) classes.push("voided");
  return (
    <li className="row item-row">
      <button
        type="button"
        className={classes.join(" ")}
        aria-pressed={done}
        onClick={() => strike(item)}
        title={done ? "Take the strike back" : "Strike"}
      >
        <span className="quantity">{item.quantity}×</span>
        <span className="name">{item.name}</span>
        {done && <Icon name="check" />}
      </button>
    </li>
  );
}
