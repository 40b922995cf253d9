import { Code, ConnectError } from "@connectrpc/connect";
import type { Lock } from "./lock.ts";

/** What a device or a person acts with. Times are told by this machine's own clock. */
export interface Tokens {
  access: string;
  refresh: string;
  accessFrom: number;
  accessUntil: number;
}

/** Where tokens outlive a reload. All tabs of the origin see the same ones. */
export interface TokenStore {
  load(): Promise<Tokens | undefined>;
  save(tokens: Tokens): Promise<void>;
  clear(): Promise<void>;
}

export interface SessionOptions {
  store: TokenStore;
  /** Trades a refresh token for the next pair. */
  renew(refresh: string): Promise<Tokens>;
  lock: Lock;
  /** Runs when the session is over for good and somebody has to sign in or pair again. */
  onEnded(): void;
  now?: () => number;
}

/**
 * Keeps an access token fresh. However many calls ask, in however many tabs, one of them renews: a refresh token that
 * is used twice looks stolen.
 */
export class Session {
  private current: Tokens | undefined;
  private renewing: Promise<Tokens> | undefined;
  private readonly now: () => number;

  constructor(private readonly options: SessionOptions) {
    this.now = options.now ?? Date.now;
  }

  /** The tokens left by an earlier run, if any. */
  async restore(): Promise<boolean> {
    this.current = await this.options.store.load();
    return this.current !== undefined;
  }

  async adopt(tokens: Tokens): Promise<void> {
    await this.options.store.save(tokens);
    this.current = tokens;
  }

  async forget(): Promise<void> {
    this.current = undefined;
    await this.options.store.clear();
  }

  /** An access token that is good for at least `forMs`. */
  async access(forMs = 30_000): Promise<string> {
    const held = this.current;
    if (held && held.accessUntil - this.now() > forMs) return held.access;
    return (await this.renew(held?.access)).access;
  }

  /**
   * Renews at half of the token's life. Call it while the server is known to be there: a renewal whose answer is lost in
   * an outage spends the refresh token.
   */
  async freshen(): Promise<void> {
    const held = this.current;
    if (held && this.now() * 2 > held.accessFrom + held.accessUntil) await this.renew(held.access);
  }

  /** Gets the next pair, unless another call or tab already replaced `stale`. */
  renew(stale?: string): Promise<Tokens> {
    this.renewing ??= this.options
      .lock("muster-refresh", () => this.renewAlone(stale))
      .finally(() => {
        this.renewing = undefined;
      });
    return this.renewing;
  }

  private async renewAlone(stale: string | undefined): Promise<Tokens> {
    const stored = await this.options.store.load();
    if (!stored) {
      this.options.onEnded();
      throw new ConnectError("not signed in", Code.Unauthenticated);
    }
    if (stored.access !== stale && stored.accessUntil - this.now() > 30_000) {
      this.current = stored;
      return stored;
    }
    try {
      const next = await this.options.renew(stored.refresh);
      await this.adopt(next);
      return next;
    } catch (thrown) {
      const error = ConnectError.from(thrown);
      if (error.code === Code.Unauthenticated || error.code === Code.PermissionDenied) {
        await this.forget();
        this.options.onEnded();
      }
      throw error;
    }
  }
}
