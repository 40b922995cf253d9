/**
 * The server's time, told from what the server says and this machine's monotonic timer. A message can only arrive late,
 * so the largest difference among the recent ones is the nearest to the truth.
 */
export class ServerClock {
  private readonly recent: number[] = [];
  private offset: number | undefined;

  constructor(
    private readonly monotonic: () => number = () => performance.now(),
    private readonly wall: () => number = () => Date.now(),
    private readonly keep = 30,
  ) {}

  /** Notes the server's time in milliseconds since the epoch, as heard just now. */
  hear(serverMs: number): void {
    const difference = serverMs - this.monotonic();
    // The machine slept, or the server's clock was set: what was known is worth nothing.
    if (this.offset !== undefined && Math.abs(difference - this.offset) > 5_000) this.recent.length = 0;
    this.recent.push(difference);
    if (this.recent.length > this.keep) this.recent.shift();
    this.offset = Math.max(...this.recent);
  }

  /** True once the server was heard; before that `now` is this machine's own clock. */
  get known(): boolean {
    return this.offset !== undefined;
  }

  now(): number {
    return this.offset === undefined ? this.wall() : this.monotonic() + this.offset;
  }
}
