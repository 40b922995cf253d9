import { Icon, type IconName } from "@muster/ui/icons";
import { useEffect, useState } from "react";
import { useApp, useKitchen, useShift } from "../context.tsx";
import type { Paged } from "../hooks/use-pages.ts";
import type { PanelName } from "../screens/board.tsx";

interface Props {
  paged: Paged;
  allDay: boolean;
  open(panel: PanelName): void;
  toggleAllDay(): void;
  toggleMute(): void;
  idle: boolean;
}

/** Everything that can be done beside the tickets; each a thumb wide. */
export function BottomBar({ paged, allDay, open, toggleAllDay, toggleMute, idle }: Props) {
  const { settings, sound, update } = useApp();
  const attention = useKitchen((state) => state.attention.length);
  const queued = useKitchen((state) => state.queued);
  const out = useKitchen((state) => [...state.board.stock.values()].filter((level) => level.state !== 1).length);
  const elsewhere = useUnseenElsewhere(paged);
  const silent = settings.muted || !sound.ready;
  return (
    <nav className="bottom" aria-label="Kitchen">
      <Tool icon="left" label="Page back" hide onClick={() => paged.turn(-1)} disabled={paged.index === 0} />
      <span className="pages">
        <b>{paged.index + 1}</b>/{paged.pages.length}
        {elsewhere > 0 && <b className="new-word">{elsewhere} NEW</b>}
      </span>
      <Tool
        icon="right"
        label="Page on"
        hide
        onClick={() => paged.turn(1)}
        disabled={paged.index >= paged.pages.length - 1}
      />
      <UndoBar />
      {update && idle && (
        <button type="button" className="tool strong" onClick={update}>
          Update ready: restart
        </button>
      )}
      {queued > 0 && (
        <span className="queued" role="status">
          <Icon name="clock" /> {queued} waiting
        </span>
      )}
      {attention > 0 && (
        <button type="button" className="tool danger" onClick={() => open("attention")}>
          <Icon name="alert" /> {attention} refused
        </button>
      )}
      <Tool icon="sum" label="All day" onClick={toggleAllDay} pressed={allDay} />
      <Tool icon="undo" label="Recall" onClick={() => open("recall")} />
      <Tool icon="stop" label={out > 0 ? `86 (${out})` : "86"} onClick={() => open("eightySix")} />
      <Tool icon="grid" label="Stations" onClick={() => open("stations")} />
      <Tool icon={silent ? "muted" : "sound"} label={silent ? "Silent" : "Sound"} onClick={toggleMute} alert={silent} />
      <Tool icon="more" label="More" hide onClick={() => open("help")} />
    </nav>
  );
}

interface ToolProps {
  icon: IconName;
  label: string;
  onClick(): void;
  /** Show the sign only. */
  hide?: boolean;
  disabled?: boolean;
  pressed?: boolean;
  alert?: boolean;
}

function Tool({ icon, label, onClick, hide = false, disabled = false, pressed, alert = false }: ToolProps) {
  return (
    <button
      type="button"
      className={`tool${alert ? " alert" : ""}`}
      onClick={onClick}
      disabled={disabled}
      aria-pressed={pressed}
    >
      <Icon name={icon} />
      <span className={hide ? "visually-hidden" : ""}>{label}</span>
    </button>
  );
}

function useUnseenElsewhere(paged: Paged): number {
  const unseen = useKitchen((state) => state.unseen);
  if (unseen.size === 0) return 0;
  const here = new Set(paged.page.cards.map((card) => card.ticket.id));
  return [...unseen].filter((id) => !here.has(id)).length;
}

/** Five seconds to take the last bump back. */
function UndoBar() {
  const { cook, kitchen } = useShift();
  const undo = useKitchen((state) => state.undo);
  const [left, setLeft] = useState(0);

  useEffect(() => {
    if (!undo) return;
    const count = () => {
      const ms = undo.until - kitchen.now();
      setLeft(Math.ceil(ms / 1000));
      if (ms <= 0) cook.settled();
    };
    count();
    const timer = setInterval(count, 250);
    return () => clearInterval(timer);
  }, [undo, kitchen, cook]);

  return (
    <div className="undo-place" role="status">
      {undo && (
        <button type="button" className="undo" onClick={() => void cook.undo()}>
          <Icon name="undo" /> <b>Undo</b> bump: {undo.text}
          <span className="undo-left" aria-hidden="true">
            {left}
          </span>
        </button>
      )}
    </div>
  );
}
