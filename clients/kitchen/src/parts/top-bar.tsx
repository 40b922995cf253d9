import { Icon } from "@muster/ui/icons";
import { useTick } from "@muster/ui/tick";
import { useApp, useKitchen, useShift } from "../context.tsx";
import { agoText } from "../model/age.ts";
import { countBands } from "../model/view.ts";
import { diningWord } from "../model/words.ts";

/** What is shown, what is hidden, how it stands, and whether it can be trusted. Always there. */
export function TopBar() {
  const { fresh } = useShift();
  const stale = useTick(() => fresh().stale);
  return (
    <header className={`top${stale ? " lost" : ""}`}>
      <Showing />
      {stale ? <LostLink /> : <Counts />}
      {!stale && <Live />}
      <WallClock />
    </header>
  );
}

function Showing() {
  const { settings, device } = useApp();
  const board = useKitchen((state) => state.board);
  const hidden = useKitchen((state) => state.view.hidden);
  const ids = settings.shift?.stationIds ?? [];
  const names = ids.map((id) => board.stations.find((station) => station.id === id)?.name ?? "Closed station");
  const dining = settings.dining.map(diningWord).join(", ");
  return (
    <div className="showing" title={[board.locationName, device?.name].filter(Boolean).join(" · ")}>
      {(names.length > 0 ? names : ["All stations"]).map((name, at) => (
        <span className="chip station" key={ids[at] ?? "all"}>
          {name}
        </span>
      ))}
      <span className={`chip${dining ? " filtered" : ""}`}>{dining ? `Only ${dining}` : "All orders"}</span>
      {hidden > 0 && <span className="chip filtered">{hidden} hidden</span>}
      {board.leftOut > 0 && <span className="chip filtered">{board.leftOut} old orders not shown</span>}
    </div>
  );
}

function Counts() {
  const { clock } = useShift();
  const cards = useKitchen((state) => state.view.cards);
  const text = useTick(() => {
    const { due, late } = countBands(cards, clock.now());
    return `${cards.length}/${due}/${late}`;
  });
  const [all, due, late] = text.split("/");
  return (
    <div className="counts">
      <span className="chip">
        {all} <span className="unit">open</span>
      </span>
      {due !== "0" && (
        <span className="chip due">
          <Icon name="hourglass" /> {due} <span className="unit">due</span>
        </span>
      )}
      {late !== "0" && (
        <span className="chip late">
          <Icon name="alert" /> {late} <span className="unit">late</span>
        </span>
      )}
    </div>
  );
}

function Live() {
  const { fresh } = useShift();
  const ago = useTick(() => agoText(fresh().ageMs ?? 0));
  return (
    <div className="live">
      <Icon name="link" />
      <span>
        Live <small>heard {ago} ago</small>
      </span>
    </div>
  );
}

const WHY = {
  never: "Not connected",
  silent: "NO CONTACT",
  behind: "CONNECTED, BUT NO NEWS",
  live: "",
} as const;

/** Takes the place of the counts, so that no ticket moves when the link is lost. */
function LostLink() {
  const { fresh } = useShift();
  const queued = useKitchen((state) => state.queued);
  const empty = useKitchen((state) => state.view.cards.length === 0);
  const why = useTick(() => fresh().why);
  const age = useTick(() => {
    const { ageMs } = fresh();
    return ageMs === undefined ? "" : `for ${agoText(ageMs)}`;
  });
  return (
    <div className="lost-link" role="alert" aria-atomic="false">
      <Icon name="broken" />
      <strong>
        {WHY[why]} <span aria-live="off">{age}</span>
      </strong>
      <span>
        {empty ? "New orders do not show." : "These tickets are old. New orders do not show."} Bumps are kept
        {queued > 0 ? `: ${queued} waiting` : ""}.
      </span>
    </div>
  );
}

function WallClock() {
  const { clock } = useShift();
  const zone = useKitchen((state) => state.board.timeZone);
  const text = useTick(() => {
    const format: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false };
    try {
      return new Intl.DateTimeFormat("en-GB", zone ? { ...format, timeZone: zone } : format).format(clock.now());
    } catch {
      return new Intl.DateTimeFormat("en-GB", format).format(clock.now());
    }
  });
  return <time className="wall-clock">{text}</time>;
}
