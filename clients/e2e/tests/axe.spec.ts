import AxeBuilder from "@axe-core/playwright";
import { Allergen } from "@muster/sdk/gen/muster/orders/v1/allergen_pb";
import type { Page } from "@playwright/test";
import { FRY, GRILL } from "../sim/shop.ts";
import { expect, test } from "./fixtures.ts";

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

async function clean(page: Page, where: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
  const found = violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.target.join(" ")).join(", ")}`);
  expect(found, where).toEqual([]);
}

test("no screen and no panel breaks WCAG 2.2 AA", async ({ page, sim, kitchen }) => {
  test.setTimeout(120_000);
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.goto(sim.url);
  await page.getByText("WDJB").waitFor();
  await clean(page, "pair");
  sim.auth.approved = true;
  await page.getByRole("button", { name: "GRILL" }).waitFor();
  await clean(page, "start shift");
  const ago = (minutes: number) => ({ placedAt: Date.now() - minutes * 60_000 });
  sim.shop.place(
    [
      { name: "Burger", modifiers: ["No onion"], seat: 2 },
      { name: "Fries", stations: [GRILL.id, FRY.id] },
    ],
    ago(9),
  );
  const order = sim.shop.place(
    [{ name: "Satay", allergies: [Allergen.PEANUTS], conflicts: [Allergen.PEANUTS] }, { name: "Corn" }],
    ago(6),
  );
  sim.shop.place([{ name: "Steak", notes: "rare" }], { notes: "Birthday", held: [2] });
  await kitchen.open(["GRILL"]);
  // What hangs there when the shift begins is not new: the next one must come after that.
  await kitchen.ticket(3).waitFor();
  const [, corn] = order.items;
  if (corn) sim.shop.void(order, corn);
  sim.shop.add(order, { name: "Slaw" });
  sim.shop.place([{ name: "New one" }]);
  await expect(kitchen.ticket(4)).toContainText("NEW");
  await clean(page, "tickets");
  await page.keyboard.press("a");
  await page.getByRole("complementary").waitFor();
  await clean(page, "all-day");
  await page.keyboard.press("Escape");
  for (const key of ["e", "s", "?"]) {
    await page.keyboard.press(key);
    await page.getByRole("dialog").waitFor();
    await page.waitForTimeout(300);
    await clean(page, `panel ${key}`);
    await page.keyboard.press("Escape");
  }
  await page.getByRole("button", { name: /Details of order 1/ }).click();
  await clean(page, "why");
  await kitchen.close();
  await page.waitForTimeout(400);
  await kitchen.bump(2).click();
  await page.getByRole("dialog").waitFor();
  await clean(page, "allergy prompt");
  await page.getByRole("button", { name: "Not yet" }).click();
  await kitchen.bump(3).click();
  await page.waitForTimeout(300);
  await clean(page, "undo bar");
  await page.keyboard.press("Shift+R");
  await page.getByRole("button", { name: "Recall order 3" }).waitFor();
  await clean(page, "recall");
  await kitchen.close();
  sim.lagMs = 30_000;
  await page.getByRole("alert").waitFor();
  await clean(page, "stale");
});

test("expo and the screen for guests neither", async ({ page, sim, kitchen }) => {
  sim.shop.place([{ name: "Burger" }], { table: "", guest: "Margarethe" });
  await kitchen.open(["EXPO"]);
  await expect(kitchen.ticket(1)).toBeVisible();
  await clean(page, "expo");
  await page.getByRole("button", { name: "Stations" }).click();
  await page.getByRole("button", { name: "End shift" }).click();
  await page.getByRole("button", { name: /Guest screen/ }).click();
  await expect(page.getByText("Margarethe")).toBeVisible();
  await clean(page, "guests");
});
