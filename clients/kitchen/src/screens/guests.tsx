import { useTick } from "@muster/ui/tick";
import { useEffect, useState } from "react";
import { useApp, useKitchen, useShift } from "../context.tsx";
import type { Card } from "../model/view.ts";

/** For guests: whose order is being made, and whose is ready. */
export default function Guests() {
  const { change } = useApp();
  const { fresh } = useShift();
  const cards = useKitchen((state) => state.view.cards);
  const place = useKitchen((state) => state.board.locationName);
  const stale = useTick(() => fresh().stale);
  const [asked, setAsked] = useState(false);
  useEffect(() => {
    if (!asked) return;
    const timer = setTimeout(() => setAsked(false), 5_000);
    return () => clearTimeout(timer);
  }, [asked]);
  const toGuests = cards.filter((card) => !card.ticket.table);
  const ready = toGuests.filter((card) => card.ticket.allReady);
  const making = toGuests.filter((card) => !card.ticket.allReady);
  return (
    <main className={`guests${stale ? " stale" : ""}`}>
      <h1>{place || "Your order"}</h1>
      <Names title="In the making" cards={making} />
      <Names title="Ready" cards={ready} ready />
      {stale && <p role="alert">This board is not up to date. Please ask at the counter.</p>}
      <button
        type="button"
        className="button quiet"
        onClick={() => (asked ? change({ shift: undefined }) : setAsked(true))}
      >
        {asked ? "Touch again to close" : "Staff"}
      </button>
    </main>
  );
}

function Names({ title, cards, ready = false }: { title: string; cards: readonly Card[]; ready?: boolean }) {
  return (
    <section className={ready ? "ready" : ""} aria-live={ready ? "polite" : "off"}>
      <h2>{title}</h2>
      <ul>
        {cards.map(({ ticket }) => (
          <li key={ticket.id}>
            <b>{ticket.number}</b> {ticket.guestName}
          </li>
        ))}
      </ul>
    </section>
  );
}
