import { onTick } from "@muster/ui/tick";
import { useEffect } from "react";
import type { ShiftRun } from "../data/shift.ts";
import { band } from "../model/age.ts";
import type { SoundEngine } from "../sound/engine.ts";

/** New tickets ring again until somebody touches the screen. */
const REPEAT_MS = 8_000;
/** Whoever works at the screen knows of the tickets on the next page: no need to ring on. */
const AT_WORK_MS = 20_000;
/** A screen that is cut off calls, and calls again. */
const LOST_MS = 30_000;

/** Speaks when time alone makes something happen: a ticket turns late, a new one is not seen, the feed is lost. */
export function useVoice(run: ShiftRun, sound: SoundEngine): void {
  useEffect(() => {
    const late = new Set<string>();
    let first = true;
    let rang = performance.now();
    let called = Number.NEGATIVE_INFINITY;
    let wasFresh = false;
    let touched = Number.NEGATIVE_INFINITY;
    const touch = () => {
      touched = performance.now();
    };
    addEventListener("pointerdown", touch);
    addEventListener("keydown", touch);
    const stop = onTick(() => {
      const now = performance.now();
      const { view, unseen } = run.kitchen.store.get();
      let turned = false;
      for (const card of view.cards) {
        if (late.has(card.ticket.id)) continue;
        if (band(run.clock.now() - card.firedMs, card.limits) !== "late") continue;
        late.add(card.ticket.id);
        turned = true;
      }
      if (turned && !first) sound.play("late");
      first = false;

      if (unseen.size === 0 || now - touched < AT_WORK_MS) rang = now;
      else if (now - rang >= REPEAT_MS) {
        rang = now;
        sound.play("new");
      }

      const { stale } = run.fresh();
      if (stale && wasFresh && now - called >= LOST_MS) {
        called = now;
        sound.play("lost");
      }
      if (!stale) {
        wasFresh = true;
        called = Number.NEGATIVE_INFINITY;
      }
    });
    return () => {
      stop();
      removeEventListener("pointerdown", touch);
      removeEventListener("keydown", touch);
    };
  }, [run, sound]);
}
