import type { Signal } from "../model/signals.ts";

/** One tone: when it starts, how long it sounds, how high it is, how loud, and of which wave. */
interface Tone {
  at: number;
  for: number;
  hz: number;
  to?: number;
  gain: number;
  wave: OscillatorType;
}

const tone = (at: number, length: number, hz: number, gain = 1, wave: OscillatorType = "triangle"): Tone => ({
  at,
  for: length,
  hz,
  gain,
  wave,
});

/**
 * Told apart by rhythm and direction, not by pitch alone, so that they carry through a fan and an older ear: new rises
 * in two bells, changed knocks three times, void falls, late hums low, ready rings up a chord, lost calls like a horn.
 */
const SOUNDS: Record<Signal, Tone[]> = {
  new: [tone(0, 0.5, 784), tone(0.16, 0.7, 1175)],
  changed: [tone(0, 0.12, 660, 0.9), tone(0.17, 0.12, 660, 0.9), tone(0.34, 0.2, 660, 0.9)],
  void: [tone(0, 0.22, 740, 0.9, "square"), { ...tone(0.24, 0.5, 620, 0.9, "square"), to: 310 }],
  late: [tone(0, 0.28, 196, 1, "sawtooth"), tone(0.36, 0.28, 196, 1, "sawtooth")],
  ready: [tone(0, 0.2, 523), tone(0.11, 0.2, 659), tone(0.22, 0.2, 784), tone(0.33, 0.7, 1047)],
  lost: [tone(0, 0.4, 440, 0.9, "sawtooth"), tone(0.45, 0.5, 330, 0.9, "sawtooth")],
};

/** What a sound gives way to: a flood of new tickets rings once, not twenty times. */
const APART_MS = 700;

/** Makes the sounds of the kitchen. Needs one touch before browsers let it speak. */
export class SoundEngine {
  private context: AudioContext | undefined;
  private readonly last = new Map<Signal, number>();
  volume = 0.7;
  muted = false;

  /** Call it from a touch or a key: only then may a page begin to sound. */
  async unlock(): Promise<boolean> {
    this.context ??= new AudioContext({ latencyHint: "interactive" });
    await this.context.resume().catch(() => undefined);
    return this.ready;
  }

  get ready(): boolean {
    return this.context?.state === "running";
  }

  play(signal: Signal): void {
    const { context } = this;
    if (context?.state !== "running" || this.muted) return;
    const now = performance.now();
    if (now - (this.last.get(signal) ?? Number.NEGATIVE_INFINITY) < APART_MS) return;
    this.last.set(signal, now);
    const start = context.currentTime + 0.02;
    const master = context.createGain();
    master.gain.value = this.volume ** 2 * 0.6;
    master.connect(context.destination);
    for (const each of SOUNDS[signal]) sound(context, master, start, each);
    const length = Math.max(...SOUNDS[signal].map((each) => each.at + each.for));
    setTimeout(() => master.disconnect(), (length + 0.5) * 1000);
  }
}

function sound(context: AudioContext, out: AudioNode, start: number, { at, for: length, hz, to, gain, wave }: Tone) {
  const oscillator = context.createOscillator();
  const envelope = context.createGain();
  const from = start + at;
  oscillator.type = wave;
  oscillator.frequency.setValueAtTime(hz, from);
  if (to) oscillator.frequency.exponentialRampToValueAtTime(to, from + length);
  const peak = wave === "triangle" ? gain : gain * 0.45;
  envelope.gain.setValueAtTime(0.0001, from);
  envelope.gain.exponentialRampToValueAtTime(peak, from + 0.012);
  envelope.gain.exponentialRampToValueAtTime(0.0001, from + length);
  oscillator.connect(envelope).connect(out);
  oscillator.start(from);
  oscillator.stop(from + length + 0.02);
}
