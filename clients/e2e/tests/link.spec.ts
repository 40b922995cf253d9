import { expect, test } from "./fixtures.ts";

/** Waits until the service worker holds the shell. */
const installed = (page: import("@playwright/test").Page) =>
  page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    while (!navigator.serviceWorker.controller) await new Promise((resolve) => setTimeout(resolve, 50));
  });

test("a network that swallows everything: banner within eight seconds, grey screen, tickets stay, all come back", async ({
  page,
  sim,
  kitchen,
}) => {
  await kitchen.open(["GRILL"]);
  for (let n = 0; n < 4; n += 1) sim.shop.place([{ name: "Burger" }]);
  await expect(kitchen.ticket(4)).toBeVisible();
  await expect(page.locator(".kitchen.stale")).toHaveCount(0);

  sim.mute = true;
  const silent = Date.now();
  await expect(page.getByRole("alert")).toContainText("NO CONTACT", { timeout: 12_000 });
  const took = Date.now() - silent;
  console.log(`banner after ${took} ms of silence`);
  expect(took).toBeLessThan(8_000);
  await expect(page.locator(".kitchen.stale")).toHaveCount(1);
  expect(await page.locator(".middle").evaluate((element) => getComputedStyle(element).filter)).toContain(
    "grayscale(1)",
  );
  for (let n = 1; n <= 4; n += 1) await expect(kitchen.ticket(n)).toBeVisible();

  for (let n = 0; n < 4; n += 1) sim.shop.place([{ name: "Missed" }]);
  await page.waitForTimeout(9_000);
  sim.mute = false;
  const back = Date.now();
  await expect(kitchen.ticket(8)).toBeVisible();
  console.log(`missed tickets ${Date.now() - back} ms after the network came back`);
  await expect(page.locator(".kitchen.stale")).toHaveCount(0);
  await expect(page.locator(".ticket")).toHaveCount(8);
});

test("bumps of an outage are kept with a clock, and sent once and in order", async ({ page, sim, kitchen }) => {
  await kitchen.open(["GRILL"]);
  for (let n = 0; n < 5; n += 1) sim.shop.place([{ name: "Burger" }]);
  await expect(kitchen.ticket(5)).toBeVisible();
  await page.waitForTimeout(500);
  await sim.stop();
  for (const number of [2, 4, 1]) {
    await kitchen.bump(number).click();
    await expect(kitchen.ticket(number)).toHaveCount(0);
    await page.waitForTimeout(250);
  }
  await expect(page.getByText("3 waiting").first()).toBeVisible();
  await page.waitForTimeout(4_000);
  await expect(page.getByRole("alert")).toBeVisible();
  await sim.start();
  await expect(page.getByText("waiting")).toHaveCount(0, { timeout: 15_000 });
  expect(sim.shop.applied).toEqual(["BumpItems", "BumpItems", "BumpItems"]);
  expect(sim.shop.done.map(({ ticket }) => ticket.number).reverse()).toEqual([2, 4, 1]);
  await expect(page.locator(".ticket")).toHaveCount(2);
});

test("a reload with the server down shows the shell and the last tickets, marked as old; bumps survive it", async ({
  page,
  sim,
  kitchen,
}) => {
  await kitchen.open(["GRILL"]);
  for (let n = 0; n < 3; n += 1) sim.shop.place([{ name: "Burger", modifiers: ["No onion"] }]);
  await expect(kitchen.ticket(3)).toBeVisible();
  await installed(page);
  await page.waitForTimeout(2_500);
  await sim.stop();
  await kitchen.bump(2).click();
  await page.waitForTimeout(200);
  await page.reload();
  await expect(kitchen.ticket(1)).toContainText("No onion");
  await expect(kitchen.ticket(3)).toBeVisible();
  await expect(kitchen.ticket(2)).toHaveCount(0);
  await expect(page.getByRole("alert")).toContainText("Not connected");
  await expect(page.getByText("1 waiting").first()).toBeVisible();
  await page.getByRole("button", { name: "Recall", exact: true }).click();
  await expect(page.getByText("The list cannot be had now")).toBeVisible({ timeout: 15_000 });
  await kitchen.close();
  await sim.start();
  await expect(page.getByText(/heard/)).toBeVisible({ timeout: 15_000 });
  await expect(page.getByText("waiting")).toHaveCount(0);
  expect(sim.shop.applied).toEqual(["BumpItems"]);
});

test("a live link with an old log says so", async ({ page, sim, kitchen }) => {
  await kitchen.open(["GRILL"]);
  sim.lagMs = 20_000;
  await expect(page.getByRole("alert")).toContainText("CONNECTED, BUT NO NEWS");
  await expect(page.locator(".kitchen.stale")).toHaveCount(1);
  sim.lagMs = 0;
  await expect(page.getByText(/heard/)).toBeVisible();
});

test("what the server refuses comes back and asks for attention", async ({ page, sim, kitchen }) => {
  await kitchen.open(["GRILL"]);
  const order = sim.shop.place([{ name: "Satay" }]);
  await expect(kitchen.ticket(1)).toBeVisible();
  await page.waitForTimeout(500);
  order.items[0]?.allergies.push(5);
  await kitchen.bump(1).click();
  await page.getByRole("button", { name: "1 refused" }).click();
  await expect(page.getByRole("dialog")).toContainText("Bump order 1");
  await expect(page.getByRole("dialog")).toContainText("Acknowledge the allergies first.");
  await page.getByRole("button", { name: "Let it go Bump order 1" }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(kitchen.ticket(1)).toBeVisible();
});

test("an access token that runs out in the middle of a shift is renewed without anybody noticing", async ({
  page,
  sim,
  kitchen,
}) => {
  await kitchen.open(["GRILL"]);
  sim.shop.place([{ name: "Burger" }]);
  await expect(kitchen.ticket(1)).toBeVisible();
  await page.waitForTimeout(500);
  sim.auth.tokens.clear();
  await kitchen.bump(1).click();
  await expect.poll(() => sim.shop.applied).toEqual(["BumpItems"]);
  await sim.stop();
  sim.auth.tokens.clear();
  await sim.start();
  sim.shop.place([{ name: "Steak" }]);
  await expect(kitchen.ticket(2)).toBeVisible();
  expect(sim.auth.refreshes).toBe(2);
  await expect(page.getByRole("button", { name: "1 refused" })).toHaveCount(0);
});

test("two windows of one machine share the outbox and renew once", async ({ page, sim, kitchen, context }) => {
  await kitchen.open(["GRILL"]);
  const second = await context.newPage();
  await second.goto(`${sim.url}?screen=2`);
  await second.getByRole("button", { name: "Start shift" }).click();
  for (let n = 0; n < 2; n += 1) sim.shop.place([{ name: "Burger" }]);
  await expect(kitchen.ticket(2)).toBeVisible();
  await expect(second.getByRole("article", { name: "Order 2" }).first()).toBeVisible();
  await page.waitForTimeout(600);
  sim.auth.tokens.clear();
  await Promise.all([
    kitchen.bump(1).click(),
    second.getByRole("article", { name: "Order 2" }).first().locator("button.bump").click(),
  ]);
  await expect.poll(() => sim.shop.applied).toEqual(["BumpItems", "BumpItems"]);
  expect(sim.auth.refreshes).toBe(1);
  await expect(page.getByText("waiting")).toHaveCount(0);
  await expect(second.getByText("waiting")).toHaveCount(0);
});

test("a newer build waits until nobody is at work, and asks", async ({ page, sim, kitchen }) => {
  test.setTimeout(150_000);
  const order = sim.shop.place([{ name: "Burger" }]);
  await kitchen.open(["GRILL"]);
  await expect(kitchen.ticket(1)).toBeVisible();
  await installed(page);
  sim.build = "newer";
  await page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.update());
  const offer = page.getByRole("button", { name: "Update ready: restart" });
  await page.waitForTimeout(2_000);
  await expect(offer).toHaveCount(0);
  sim.shop.act(order.id, order.items[0]?.stations[0] ?? "", [], 5, (item) => {
    for (const id of item.stations) item.states.set(id, 3);
    return true;
  });
  await expect(kitchen.ticket(1)).toHaveCount(0);
  await expect(offer).toHaveCount(0);
  await expect(offer).toBeVisible({ timeout: 70_000 });
  await Promise.all([page.waitForEvent("load"), offer.click()]);
  await expect(page.getByText(/heard/)).toBeVisible();
});
