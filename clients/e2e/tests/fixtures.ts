import { test as base, expect, type Page } from "@playwright/test";
import { Sim } from "../sim/server.ts";

interface Fixtures {
  sim: Sim;
  kitchen: KitchenPage;
}

/** What a cook does with the screen, by the words that stand on it. */
export class KitchenPage {
  constructor(
    readonly page: Page,
    private readonly sim: Sim,
  ) {}

  /** Pairs the screen and starts a shift at the named stations. */
  async open(stations: string[] = ["GRILL"], options: { query?: string } = {}): Promise<void> {
    this.sim.auth.approved = true;
    await this.page.goto(this.sim.url + (options.query ?? ""));
    await this.page.getByRole("heading", { name: "Start shift" }).waitFor();
    await this.choose(stations);
    await this.page.getByRole("button", { name: "Start shift" }).click();
    await expect(this.page.getByText(/heard/)).toBeVisible();
  }

  async choose(stations: string[]): Promise<void> {
    if (stations.includes("EXPO")) {
      await this.page.getByRole("button", { name: "EXPO", exact: true }).click();
      return;
    }
    for (const name of ["GRILL", "FRY"]) {
      const button = this.page.getByRole("button", { name, exact: true });
      const on = (await button.getAttribute("aria-pressed")) === "true";
      if (on !== stations.includes(name)) await button.click();
    }
  }

  ticket(number: number) {
    return this.page.getByRole("article", { name: new RegExp(`^Order ${number}\\b`) });
  }

  bump(number: number) {
    return this.ticket(number).locator("button.bump");
  }

  async close(): Promise<void> {
    await this.page.getByRole("button", { name: "Close", exact: true }).click();
  }
}

export const test = base.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: the runner asks for an object pattern
  sim: async ({}, use) => {
    const sim = new Sim();
    await sim.start();
    await use(sim);
    await sim.stop();
  },
  kitchen: async ({ page, sim }, use) => {
    await use(new KitchenPage(page, sim));
  },
});

export { expect };
