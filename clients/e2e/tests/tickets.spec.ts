import { Allergen } from "@muster/sdk/gen/muster/orders/v1/allergen_pb";
import { PrepState } from "@muster/sdk/gen/muster/orders/v1/order_pb";
import { DiningOption } from "@muster/sdk/gen/muster/orders/v1/station_pb";
import { EXPO, FRY, GRILL } from "../sim/shop.ts";
import { expect, test } from "./fixtures.ts";

const minutesAgo = (minutes: number) => ({ placedAt: Date.now() - minutes * 60_000 });

test("a screen is paired by a code, a shift is started, and a reload goes straight back to the tickets", async ({
  page,
  sim,
  kitchen,
}) => {
  await page.goto(sim.url);
  await expect(page.getByText("WDJB-MJHT")).toBeVisible();
  await kitchen.open(["GRILL"]);
  sim.shop.place([{ name: "Burger", quantity: 2 }]);
  await expect(kitchen.ticket(1)).toContainText("2×Burger");
  await page.reload();
  await expect(kitchen.ticket(1)).toBeVisible();
});

test("tickets come by themselves, with modifiers, marks, places elsewhere, held courses and their age", async ({
  sim,
  kitchen,
}) => {
  await kitchen.open(["GRILL"]);
  const order = sim.shop.place(
    [
      { name: "Burger", quantity: 2, modifiers: ["No onion"], seat: 3 },
      { name: "Fries", stations: [GRILL.id, FRY.id] },
      { name: "Corn" },
    ],
    { ...minutesAgo(6), held: [2], notes: "All together" },
  );
  const ticket = kitchen.ticket(1);
  await expect(ticket.first()).toBeVisible();
  const whole = async () => (await ticket.allInnerTexts()).join("\n");
  await expect.poll(whole).toContain("No onion");
  expect(await whole()).toMatch(/Seat 3[\s\S]*also at\s*FRY[\s\S]*Course 2 held/);
  await expect(ticket.first()).toContainText("DUE");
  await expect(ticket.first()).toContainText("All together");
  const [burger, , corn] = order.items;
  if (!burger || !corn) throw new Error("no items");
  sim.shop.change(order, burger, "was 3×, no onion");
  sim.shop.void(order, corn, "guest changed mind");
  sim.shop.add(order, { name: "Slaw" });
  await expect.poll(whole).toMatch(/CHANGED was 3×/);
  expect(await whole()).toMatch(/VOID guest changed mind[\s\S]*Slaw[\s\S]*ADDED/);
});

test("bump, undo within five seconds, strike, start, recall", async ({ page, sim, kitchen }) => {
  await kitchen.open(["GRILL"]);
  sim.shop.place([{ name: "Burger" }, { name: "Steak" }]);
  sim.shop.place([{ name: "Chicken" }]);
  await expect(kitchen.ticket(2)).toBeVisible();
  await page.waitForTimeout(500);

  await kitchen.ticket(1).getByTitle("Start").click();
  await expect(kitchen.ticket(1).getByText("started")).toBeAttached();
  await kitchen.ticket(1).getByRole("button", { name: /Steak/ }).click();
  await expect(kitchen.ticket(1).getByRole("button", { name: /Steak/ })).toHaveAttribute("aria-pressed", "true");

  await kitchen.bump(1).click();
  await expect(kitchen.ticket(1)).toHaveCount(0);
  await page.getByRole("button", { name: /Undo/ }).click();
  await expect(kitchen.ticket(1)).toBeVisible();

  await page.waitForTimeout(500);
  await kitchen.bump(1).click();
  await expect(kitchen.ticket(1)).toHaveCount(0);
  await expect(page.getByRole("button", { name: /Undo/ })).toBeHidden({ timeout: 7_000 });
  await page.getByRole("button", { name: "Recall", exact: true }).click();
  await page.getByRole("button", { name: "Recall order 1" }).click();
  await expect(kitchen.ticket(1)).toBeVisible();
  await expect
    .poll(() => sim.shop.applied)
    .toEqual(["StartItems", "BumpItems", "BumpItems", "UnbumpItems", "BumpItems", "RecallTicket"]);
});

test("an allergy stands in a box and is acknowledged before its ticket can be bumped", async ({
  page,
  sim,
  kitchen,
}) => {
  await kitchen.open(["GRILL"]);
  sim.shop.place([{ name: "Satay", allergies: [Allergen.PEANUTS], conflicts: [Allergen.PEANUTS] }]);
  await expect(kitchen.ticket(1)).toContainText("STOP: CONTAINS PEANUT");
  await page.waitForTimeout(500);
  await kitchen.bump(1).click();
  await expect(page.getByRole("dialog")).toContainText("Satay");
  await page.getByRole("button", { name: "Not yet" }).click();
  await expect(kitchen.ticket(1)).toBeVisible();
  await kitchen
    .ticket(1)
    .getByRole("button", { name: /Tap when seen/ })
    .click();
  await expect(kitchen.ticket(1).getByRole("button", { name: /Tap when seen/ })).toHaveCount(0);
  await kitchen.bump(1).click();
  await expect(kitchen.ticket(1)).toHaveCount(0);
  await expect.poll(() => sim.shop.applied).toEqual(["AcknowledgeAllergies", "BumpItems"]);
});

test("expo sees every station, turns green when all are done, and needs a second word to hand out early", async ({
  page,
  sim,
  kitchen,
}) => {
  await kitchen.open(["EXPO"]);
  const order = sim.shop.place([{ name: "Burger" }, { name: "Fries", stations: [FRY.id] }]);
  await expect(kitchen.ticket(1)).toContainText("FRY");
  await page.waitForTimeout(500);
  await kitchen.bump(1).click();
  await expect(page.getByRole("dialog")).toContainText("is not ready");
  await page.getByRole("button", { name: "Wait for it" }).click();
  for (const station of [GRILL, FRY]) {
    sim.shop.act(order.id, station.id, [], 5, (item) => {
      if (item.stations.includes(station.id)) item.states.set(station.id, PrepState.DONE);
      return true;
    });
  }
  await expect(kitchen.ticket(1)).toContainText("READY");
  await kitchen.bump(1).click();
  await expect(kitchen.ticket(1)).toHaveCount(0);

  sim.shop.place([{ name: "Burger" }]);
  await expect(kitchen.ticket(2)).toBeVisible();
  await page.waitForTimeout(500);
  await kitchen.bump(2).click();
  await page.getByRole("button", { name: "Hand out anyway" }).click();
  await expect(kitchen.ticket(2)).toHaveCount(0);
  await expect.poll(() => sim.shop.applied).toEqual(["BumpOrder", "BumpOrder"]);
  expect(EXPO.name).toBe("EXPO");
});

test("a bump bar does it all", async ({ page, sim, kitchen }) => {
  await kitchen.open(["GRILL"]);
  for (let n = 0; n < 14; n += 1) sim.shop.place([{ name: `Dish ${n + 1}` }]);
  await expect(kitchen.ticket(10)).toBeVisible();
  await page.waitForTimeout(500);
  await page.keyboard.press("3");
  await expect(kitchen.ticket(3)).toHaveCount(0);
  await page.waitForTimeout(300);
  await page.keyboard.press("0");
  await page.keyboard.press("0");
  await expect(kitchen.ticket(11)).toHaveCount(0);
  await page.keyboard.press("r");
  await expect(kitchen.ticket(11)).toHaveCount(1);

  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowDown");
  await expect(kitchen.ticket(8)).toBeFocused();
  await page.keyboard.press("Space");
  await expect(kitchen.ticket(8).getByText("started")).toBeAttached();
  await page.keyboard.press("Enter");
  await expect(kitchen.ticket(8)).toHaveCount(0);

  await page.keyboard.press("PageDown");
  await expect(page.getByText("2/2")).toBeVisible();
  await page.keyboard.press("PageUp");
  await page.keyboard.press("a");
  await expect(page.getByRole("complementary", { name: "All-day counts" })).toContainText("Dish 1");
  await page.keyboard.press("Escape");
  for (const [key, title] of [
    ["Shift+R", "Bumped in the last 15 minutes"],
    ["e", "86: out of stock"],
    ["s", "What this screen shows"],
    ["?", "Keys, sound and size"],
  ] as const) {
    await page.keyboard.press(key);
    await expect(page.getByRole("dialog", { name: title })).toBeVisible();
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toHaveCount(0);
  }
  await page.keyboard.press("m");
  await expect(page.getByRole("button", { name: "Silent" })).toBeVisible();
});

test("86 and its countdown, here and in every other place", async ({ page, sim, kitchen }) => {
  await kitchen.open(["GRILL"]);
  await page.getByRole("button", { name: "86", exact: true }).click();
  await page.getByRole("button", { name: "86 Fries" }).click();
  await expect(page.getByText("86: OUT", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Count down Burger" }).click();
  await page.getByRole("button", { name: "−1 Burger" }).click();
  await expect(page.getByText("9 left")).toBeVisible();
  await kitchen.close();
  await expect(page.getByRole("button", { name: "86 (2)" })).toBeVisible();
  await expect.poll(() => [...sim.shop.stock.values()].map((level) => level.remaining)).toEqual([0, 9]);
});

test("filters are always on the screen, with what they hide", async ({ page, sim, kitchen }) => {
  await kitchen.open(["GRILL"]);
  sim.shop.place([{ name: "Burger" }], { dining: DiningOption.DELIVERY });
  sim.shop.place([{ name: "Steak" }]);
  await expect(kitchen.ticket(2)).toBeVisible();
  await page.getByRole("button", { name: "Stations" }).click();
  await page.getByRole("button", { name: "Delivery" }).click();
  await kitchen.close();
  await expect(kitchen.ticket(2)).toHaveCount(0);
  await expect(page.getByText("Only Delivery")).toBeVisible();
  await expect(page.getByText("1 hidden")).toBeVisible();
});

test("why is this here", async ({ page, sim, kitchen }) => {
  await kitchen.open(["GRILL"]);
  sim.shop.place([{ name: "Burger" }]);
  await page.getByRole("button", { name: /Details of order 1/ }).click();
  await expect(page.getByRole("dialog")).toContainText("rule 'Usual' matched Burger → GRILL");
});

test("nothing is cut off: every line of every ticket fits its cell, in every grid", async ({ page, sim, kitchen }) => {
  const words = [
    "Burger",
    "Double cheeseburger deluxe",
    "Grilled chicken sandwich with everything",
    "Corn",
    "Şiş köfte",
  ];
  for (let n = 0; n < 24; n += 1) {
    const items = Array.from({ length: (n % 7) + 1 }, (_, at) => ({
      name: words[(n + at) % words.length] ?? "",
      quantity: at === 2 ? 120 : at + 1,
      modifiers: Array.from({ length: (n + at) % 4 }, (_, m) => (m ? "Extra smoked bacon, crispy" : "No onion")),
      notes: at % 3 === 2 ? "cut in half for sharing, please" : "",
      allergies: (n + at) % 6 === 0 ? [Allergen.PEANUTS, Allergen.TREE_NUTS] : [],
      stations: at % 2 ? [GRILL.id, FRY.id] : [GRILL.id],
      seat: at,
    }));
    sim.shop.place(items, {
      ...minutesAgo(n),
      notes: n % 5 === 0 ? "Birthday: bring all together" : "",
      held: n % 4 ? [] : [2],
    });
  }
  await kitchen.open(["GRILL"]);
  for (const [tickets, width] of [
    ["10", 1920],
    ["8", 1920],
    ["12", 1920],
    ["10", 1366],
  ] as const) {
    await page.setViewportSize({ width, height: Math.round((width * 9) / 16) });
    await page.keyboard.press("?");
    await page.getByRole("button", { name: tickets, exact: true }).click();
    await kitchen.close();
    const pages = Number((await page.locator(".pages").innerText()).split("/")[1]);
    for (let at = 0; at < pages; at += 1) {
      const cut = await page
        .locator(".ticket .body")
        .evaluateAll((bodies) =>
          bodies
            .filter((body) => body.scrollHeight > body.clientHeight + 1 || body.scrollWidth > body.clientWidth + 1)
            .map((body) => `${body.scrollHeight} in ${body.clientHeight}: ${body.textContent}`),
        );
      expect(cut, `${tickets} tickets at ${width}, page ${at + 1}`).toEqual([]);
      await page.keyboard.press("PageDown");
    }
    for (let at = 0; at < pages; at += 1) await page.keyboard.press("PageUp");
  }
});

test("a finger on its way does not bump the ticket that slid under it", async ({ page, sim, kitchen }) => {
  await kitchen.open(["GRILL"]);
  const first = sim.shop.place([{ name: "Burger" }]);
  sim.shop.place([{ name: "Steak" }]);
  await expect(kitchen.ticket(2)).toBeVisible();
  await page.waitForTimeout(600);
  sim.shop.act(first.id, GRILL.id, [], 5, (item) => {
    item.states.set(GRILL.id, PrepState.DONE);
    return true;
  });
  await expect(kitchen.ticket(1)).toHaveCount(0);
  await page.keyboard.press("1");
  await page.waitForTimeout(150);
  await expect(kitchen.ticket(2)).toBeVisible();
  await page.waitForTimeout(500);
  await page.keyboard.press("1");
  await expect(kitchen.ticket(2)).toHaveCount(0);
});
