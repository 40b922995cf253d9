/** How long a place on the grid stays deaf after another ticket slid into it. */
const SETTLE_MS = 400;
/** How long a place stays deaf after one's own bump: longer than a bounce of a finger, shorter than a second thought. */
const BOUNCE_MS = 180;

/**
 * Guards against bumping the wrong ticket: somebody else's bump moves the grid under the finger that is already on its
 * way. A place whose ticket has just changed does not listen.
 */
export class SlotGuard {
  private slots: readonly { id: string; since: number }[] = [];

  /** Notes which ticket is where. `own` is true when this screen's own bump or page turn moved them. */
  show(ids: readonly string[], now: number, own: boolean): void {
    const wait = own ? BOUNCE_MS - SETTLE_MS : 0;
    this.slots = ids.map((id, slot) => {
      const before = this.slots[slot];
      if (before?.id === id) return before;
      // An empty place that fills holds nothing that a finger could have been aimed at.
      return { id, since: before ? now + wait : now - SETTLE_MS };
    });
  }

  allows(id: string, now: number): boolean {
    const slot = this.slots.find((each) => each.id === id);
    return slot === undefined || now - slot.since >= SETTLE_MS;
  }
}
