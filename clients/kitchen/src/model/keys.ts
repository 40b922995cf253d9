/** What a key of a keyboard or bump bar does. */
export type Action =
  | { kind: "bump"; slot: number }
  | { kind: "prefix" }
  | { kind: "move"; by: "left" | "right" | "up" | "down" }
  | {
      kind:
        | "bumpSelected"
        | "startSelected"
        | "recallLast"
        | "recallList"
        | "allDay"
        | "pageUp"
        | "pageDown"
        | "station"
        | "mute"
        | "help"
        | "eightySix"
        | "why"
        | "acknowledge"
        | "close";
    };

export type ActionKind = Action["kind"];

/** Keys by what they do. Bump bars are keyboards, so every entry can be changed in the settings. */
export type KeyMap = Readonly<Record<string, string>>;

export const DEFAULT_KEYS: KeyMap = {
  "0": "prefix",
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
  Enter: "bumpSelected",
  " ": "startSelected",
  r: "recallLast",
  R: "recallList",
  a: "allDay",
  PageUp: "pageUp",
  PageDown: "pageDown",
  s: "station",
  m: "mute",
  "?": "help",
  e: "eightySix",
  w: "why",
  y: "acknowledge",
  Escape: "close",
  ...Object.fromEntries(Array.from({ length: 9 }, (_, slot) => [String(slot + 1), `slot${slot + 1}`])),
};

export const ACTION_NAMES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Array.from({ length: 9 }, (_, slot) => [`slot${slot + 1}`, `Bump ticket ${slot + 1}`])),
  prefix: "Then a digit: tickets 10 to 19",
  left: "Select left",
  right: "Select right",
  up: "Select up",
  down: "Select down",
  bumpSelected: "Bump the selected ticket",
  startSelected: "Start the selected ticket",
  acknowledge: "Acknowledge its allergies",
  why: "Why is the selected ticket here",
  recallLast: "Bring the last ticket back",
  recallList: "List of bumped tickets",
  allDay: "All-day counts",
  eightySix: "86: out of stock",
  pageUp: "Page back",
  pageDown: "Page on",
  station: "Change stations",
  mute: "Sound on or off",
  help: "Keys",
  close: "Close",
};

const PREFIX_MS = 1_500;

/** Turns key presses into actions; remembers a `0` for a moment. */
export class KeyReader {
  private prefixAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly map: KeyMap = DEFAULT_KEYS) {}

  read(key: string, shift: boolean, now: number): Action | undefined {
    const name = this.lookUp(key, shift);
    const prefixed = now - this.prefixAt < PREFIX_MS;
    this.prefixAt = Number.NEGATIVE_INFINITY;
    if (prefixed && name === "prefix") return { kind: "bump", slot: 9 };
    if (name === "prefix") {
      this.prefixAt = now;
      return { kind: "prefix" };
    }
    const slot = name?.startsWith("slot") ? Number(name.slice(4)) : 0;
    if (slot > 0) return { kind: "bump", slot: prefixed ? slot + 9 : slot - 1 };
    if (name === "left" || name === "right" || name === "up" || name === "down") return { kind: "move", by: name };
    return name ? ({ kind: name } as Action) : undefined;
  }

  private lookUp(key: string, shift: boolean): string | undefined {
    if (key.length === 1 && /[a-z]/i.test(key)) {
      // Caps lock must not turn "recall last" into "recall list": only the shift key counts.
      const cased = shift ? key.toUpperCase() : key.toLowerCase();
      return this.map[cased] ?? this.map[key.toLowerCase()];
    }
    return this.map[key];
  }
}
