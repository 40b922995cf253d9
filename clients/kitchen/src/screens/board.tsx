import { useTick } from "@muster/ui/tick";
import { lazy, Suspense, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useApp, useKitchen, useShift } from "../context.tsx";
import type { Objection } from "../data/cook.ts";
import { useKeys } from "../hooks/use-keys.ts";
import { usePages } from "../hooks/use-pages.ts";
import { useSelection } from "../hooks/use-selection.ts";
import { useVoice } from "../hooks/use-voice.ts";
import type { Action } from "../model/keys.ts";
import { metricProperties } from "../model/metrics.ts";
import { SlotGuard } from "../model/slots.ts";
import type { Card } from "../model/view.ts";
import { BottomBar } from "../parts/bottom-bar.tsx";
import type { Ask } from "../parts/prompt.tsx";
import { type TicketActs, TicketCell } from "../parts/ticket.tsx";
import { TopBar } from "../parts/top-bar.tsx";

const loadPanels = () => import("./panels.tsx");
const loadPrompt = () => import("../parts/prompt.tsx");
const loadAllDay = () => import("./all-day.tsx");
const Panel = lazy(loadPanels);
const Prompt = lazy(loadPrompt);
const AllDay = lazy(loadAllDay);

/** Brings what opens over the tickets while there is still a network to bring it. */
function warmUp(): void {
  for (const load of [loadPrompt, loadPanels, loadAllDay]) void load().catch(() => undefined);
}

export type PanelName = "recall" | "eightySix" | "stations" | "help" | "attention" | "why";

/** How long nobody must have touched the screen before it may ask for something of its own. */
const IDLE_MS = 60_000;

/** The tickets. */
export function Board() {
  const run = useShift();
  const { kitchen, cook } = run;
  const { settings, change, sound } = useApp();
  const cards = useKitchen((state) => state.view.cards);
  const [allDay, setAllDay] = useState(false);
  const [panel, setPanel] = useState<{ name: PanelName; card?: Card }>();
  const [ask, setAsk] = useState<Ask>();
  const paged = usePages(cards, settings.grid, settings.viewing, allDay);
  const { page } = paged;
  const selection = useSelection(page);
  const own = useRef(false);
  const guard = useRef(new SlotGuard());
  const stale = useTick(() => run.fresh().stale);
  const idle = useIdle();
  useVoice(run, sound);
  useEffect(() => {
    const timer = setTimeout(warmUp, 2_000);
    return () => clearTimeout(timer);
  }, []);

  useLayoutEffect(() => {
    guard.current.show(
      page.cards.map((card) => card.ticket.id),
      performance.now(),
      own.current,
    );
    own.current = false;
  }, [page]);

  const guarded = useCallback((card: Card, act: () => Objection) => {
    if (!guard.current.allows(card.ticket.id, performance.now())) return;
    own.current = true;
    const objection = act();
    if (!objection) return;
    own.current = false;
    setAsk({ kind: objection, ticketId: card.ticket.id });
  }, []);

  const acts = useMemo<TicketActs>(
    () => ({
      bump: (card) => guarded(card, () => cook.bump(card)),
      start: (card) => cook.startTicket(card),
      why: (card) => setPanel({ name: "why", card }),
      rows: (card) => ({
        strike: (item) => guarded(card, () => cook.strike(card, item)),
        acknowledge: (item) => cook.acknowledge(card, [item]),
      }),
    }),
    [cook, guarded],
  );

  const toggleMute = () => {
    // A browser that was not touched yet is silent: the first touch of this button gives it its voice.
    if (!sound.ready) void sound.unlock().then(() => change({ muted: false }));
    else change({ muted: !settings.muted });
  };

  const act = (action: Action) => {
    paged.touch();
    const selected = selection.card;
    switch (action.kind) {
      case "bump": {
        const card = page.cards[action.slot];
        if (card) acts.bump(card);
        return;
      }
      case "move":
        return selection.move(action.by, paged.columns);
      case "bumpSelected":
        return selected ? acts.bump(selected) : selection.move("right", paged.columns);
      case "startSelected":
        return selected ? acts.start(selected) : selection.move("right", paged.columns);
      case "acknowledge":
        return selected && setAsk({ kind: "allergy", ticketId: selected.ticket.id });
      case "why":
        return selected && acts.why(selected);
      case "recallLast":
        return cook.recallLast() ? undefined : setPanel({ name: "recall" });
      case "recallList":
        return setPanel({ name: "recall" });
      case "eightySix":
        return setPanel({ name: "eightySix" });
      case "station":
        return setPanel({ name: "stations" });
      case "help":
        return setPanel({ name: "help" });
      case "allDay":
        return setAllDay((shown) => !shown);
      case "pageUp":
        return paged.turn(-1);
      case "pageDown":
        return paged.turn(1);
      case "mute":
        return toggleMute();
      case "close":
        return setAllDay(false);
    }
  };
  useKeys(settings.keys, act);

  // Any touch or key says that somebody looks at this page.
  useEffect(() => {
    const seen = () => {
      paged.touch();
      if (!sound.ready) void sound.unlock();
      kitchen.seen(page.cards.map((card) => card.ticket.id));
    };
    addEventListener("pointerdown", seen);
    addEventListener("keydown", seen);
    return () => {
      removeEventListener("pointerdown", seen);
      removeEventListener("keydown", seen);
    };
  }, [kitchen, page, sound, paged.touch]);

  const named = settings.shift?.stationIds.length !== 1;
  const style = {
    ...metricProperties(paged.unit),
    "--columns": String(paged.columns),
    "--rows": String(paged.rows),
  } as React.CSSProperties;
  return (
    <div className={`kitchen${stale ? " stale" : ""}`} style={style}>
      <TopBar />
      <div className="middle">
        <main ref={paged.area} className="grid" aria-label="Tickets">
          <h1 className="visually-hidden">Kitchen tickets</h1>
          {page.parts.map((part) => (
            <TicketCell
              key={`${part.card.ticket.id}/${part.index}`}
              part={part}
              slot={page.cards.indexOf(part.card) + 1}
              selected={selection.card === part.card}
              named={named}
              acts={acts}
            />
          ))}
          {cards.length === 0 && <Nothing />}
        </main>
        {allDay && (
          <Suspense fallback={<aside className="all-day" />}>
            <AllDay />
          </Suspense>
        )}
      </div>
      <BottomBar
        paged={paged}
        allDay={allDay}
        open={(name) => setPanel({ name })}
        toggleAllDay={() => setAllDay((shown) => !shown)}
        toggleMute={toggleMute}
        idle={idle}
      />
      {ask && (
        <Suspense fallback={null}>
          <Prompt ask={ask} close={() => setAsk(undefined)} />
        </Suspense>
      )}
      {panel && (
        <Suspense fallback={null}>
          <Panel name={panel.name} card={panel.card} close={() => setPanel(undefined)} />
        </Suspense>
      )}
    </div>
  );
}

function Nothing() {
  const { fresh } = useShift();
  const stale = useTick(() => fresh().stale);
  return <p className="nothing">{stale ? "Nothing was heard yet" : "No open tickets"}</p>;
}

/** True when nobody touched the screen for a while, nothing is open and nothing waits to be sent. */
function useIdle(): boolean {
  const { store } = useShift().kitchen;
  const last = useRef(performance.now());
  useEffect(() => {
    const touch = () => {
      last.current = performance.now();
    };
    addEventListener("pointerdown", touch);
    addEventListener("keydown", touch);
    return () => {
      removeEventListener("pointerdown", touch);
      removeEventListener("keydown", touch);
    };
  }, []);
  return useTick(() => {
    const { queued, view, intents } = store.get();
    const quiet = performance.now() - last.current > IDLE_MS;
    return quiet && queued === 0 && intents.length === 0 && view.cards.length === 0;
  });
}
