import { useEffect } from "react";
import { useKitchen, useShift } from "../context.tsx";

const ADVICE: Record<string, string> = {
  ALLERGY_NOT_ACKNOWLEDGED: "Acknowledge the allergy on the ticket, then bump again.",
  ORDER_NOT_READY: "A station is not done yet.",
  TICKET_NOT_RECALLABLE: "It cannot come back any more.",
};

/** What the server would not do. Nothing leaves this list by itself. */
export function Attention({ close }: { close(): void }) {
  const rows = useKitchen((state) => state.attention);
  const { kitchen } = useShift();
  useEffect(() => {
    if (rows.length === 0) close();
  }, [rows.length, close]);
  return (
    <ul className="rows">
      {rows.map((row) => (
        <li key={row.seq}>
          <span className="row-text">
            <b>{row.label}</b>
            <small>{row.message || row.reason}</small>
            <small>{ADVICE[row.reason ?? ""] ?? ""}</small>
            <small>{new Date(row.createdAt).toLocaleTimeString("en-GB")}</small>
          </span>
          <span className="row-tools">
            <button type="button" className="button" onClick={() => kitchen.retry(row)}>
              Try again<span className="visually-hidden"> {row.label}</span>
            </button>
            <button type="button" className="button quiet" onClick={() => kitchen.dismiss(row)}>
              Let it go<span className="visually-hidden"> {row.label}</span>
            </button>
          </span>
        </li>
      ))}
    </ul>
  );
}
