import type { OutboxRow } from "@muster/sdk/outbox";
import type { Link } from "@muster/sdk/resumable";
import { type Board, EMPTY_BOARD } from "../model/board.ts";
import type { Intent } from "../model/intents.ts";
import { type Filter, type View, Viewer } from "../model/view.ts";

export interface KitchenState {
  board: Board;
  intents: readonly Intent[];
  view: View;
  link: Link;
  /** What waits to be sent. */
  queued: number;
  /** What the server refused and somebody must look at. */
  attention: readonly OutboxRow[];
  unseen: ReadonlySet<string>;
  undo: Undo | undefined;
  /** The tickets come from before a reload; the server was not heard yet. */
  remembered: boolean;
}

export interface Undo {
  key: string;
  text: string;
  until: number;
}

export type Draft = Partial<Omit<KitchenState, "view">>;

/** All that the screen shows, as one value that is replaced whole. */
export class KitchenStore {
  private readonly viewer = new Viewer();
  private readonly listeners = new Set<() => void>();
  private filter: Filter = { dining: [] };
  private state: KitchenState = {
    board: EMPTY_BOARD,
    intents: [],
    view: { cards: [], hidden: 0 },
    link: { state: "connecting", attempt: 0 },
    queued: 0,
    attention: [],
    unseen: new Set(),
    undo: undefined,
    remembered: false,
  };

  readonly get = (): KitchenState => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  set(draft: Draft): void {
    const next = { ...this.state, ...draft };
    const same =
      next.board === this.state.board && next.intents === this.state.intents && next.unseen === this.state.unseen;
    if (!same) next.view = this.viewer.view(next.board, next.intents, this.filter, next.unseen);
    this.state = next;
    for (const listener of this.listeners) listener();
  }

  setFilter(filter: Filter): void {
    this.filter = filter;
    const { board, intents, unseen } = this.state;
    this.state = { ...this.state, view: this.viewer.view(board, intents, filter, unseen) };
    for (const listener of this.listeners) listener();
  }
}
