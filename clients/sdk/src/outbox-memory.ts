import type { NewRow, OutboxRow, OutboxStore } from "./outbox.ts";

/** A queue that does not outlive the page: for tests, and for browsers that refuse to keep anything. */
export class MemoryOutboxStore implements OutboxStore {
  private rows: OutboxRow[] = [];
  private seq = 0;

  async add(row: NewRow): Promise<OutboxRow> {
    this.seq += 1;
    const full: OutboxRow = { ...row, seq: this.seq, tries: 0, state: "queued" };
    this.rows.push(full);
    return full;
  }

  async all(): Promise<OutboxRow[]> {
    return [...this.rows];
  }

  async put(row: OutboxRow): Promise<void> {
    this.rows = this.rows.map((each) => (each.seq === row.seq ? row : each));
  }

  async remove(seq: number): Promise<void> {
    this.rows = this.rows.filter((each) => each.seq !== seq);
  }

  async withdraw(key: string): Promise<boolean> {
    const before = this.rows.length;
    this.rows = this.rows.filter((each) => each.key !== key || each.sentAt !== undefined);
    return this.rows.length < before;
  }

  async claim(now: number): Promise<OutboxRow | undefined> {
    const row = this.rows.find((each) => each.state === "queued");
    if (!row) return undefined;
    const claimed = { ...row, sentAt: row.sentAt ?? now };
    await this.put(claimed);
    return claimed;
  }
}
