import { Icon } from "@muster/ui/icons";
import { useTick } from "@muster/ui/tick";
import { useShift } from "../context.tsx";
import { ageText, type Band, band } from "../model/age.ts";
import type { Card } from "../model/view.ts";

/** The age, counted by the server's clock. Draws itself alone each second. */
export function Age({ card }: { card: Card }) {
  const { clock } = useShift();
  return <span className="age">{useTick(() => ageText(clock.now() - card.firedMs))}</span>;
}

export function useBand(card: Card): Band {
  const { clock } = useShift();
  return useTick(() => band(clock.now() - card.firedMs, card.limits));
}

/** Says what the colour says, for eyes that do not tell it. */
export function BandWord({ band: of }: { band: Band }) {
  if (of === "fresh") return null;
  return (
    <span className="band-word">
      <Icon name={of === "late" ? "alert" : "hourglass"} />
      {of === "late" ? "LATE" : "DUE"}
    </span>
  );
}
