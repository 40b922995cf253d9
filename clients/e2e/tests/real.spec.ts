import { Allergen } from "@muster/sdk/gen/muster/orders/v1/allergen_pb";
import { OrderStatus } from "@muster/sdk/gen/muster/orders/v1/order_pb";
import { DiningOption } from "@muster/sdk/gen/muster/orders/v1/station_pb";
import { expect, type Page, test } from "@playwright/test";
import { appUrl, type Dish, dishes, Manager } from "./real.ts";

const upstream = process.env.MUSTER_URL ?? "";
test.describe.configure({ mode: "serial" });

let manager: Manager;
let locationId = "";
let menu: Map<string, Dish[]>;
let app: Awaited<ReturnType<typeof appUrl>>;

test.beforeAll(async () => {
  if (upstream === "") throw new Error("set MUSTER_URL to a running `muster dev`, or run through scripts/with-demo");
  manager = new Manager(upstream);
  await manager.signIn();
  const { locations } = await manager.directory.listLocations({});
  locationId = locations[0]?.locationId ?? "";
  menu = await dishes(manager, locationId);
  app = await appUrl(upstream);
});
test.afterAll(() => app.stop());

async function open(page: Page, stations: string[]): Promise<void> {
  await page.goto(app.url);
  const code = await page.locator(".code").innerText();
  const displayName = `Screen ${crypto.randomUUID().slice(0, 8)}`;
  await manager.devices.approvePairing({ code, displayName, locationId });
  await page.getByRole("heading", { name: "Start shift" }).waitFor();
  await page.getByRole("button", { name: "GRILL" }).waitFor();
  for (const button of await page.locator("section").first().getByRole("button").all()) {
    const name = await button.innerText();
    const pressed = (await button.getAttribute("aria-pressed")) === "true";
    const expo = stations.includes("EXPO");
    if (expo ? name === "EXPO" : name !== "All stations" && name !== "EXPO" && pressed !== stations.includes(name)) {
      await button.click();
    }
  }
  await page.getByRole("button", { name: "Start shift" }).click();
  await expect(page.getByText(/heard/)).toBeVisible();
}

const dish = (station: string, at = 0): Dish => {
  const found = menu.get(station)?.[at];
  if (!found) throw new Error(`nothing on the menu for ${station}`);
  return found;
};
const line = ({ menuItemId, modifiers }: Dish, more = {}) => ({ menuItemId, modifiers, quantity: 2, ...more });

async function place(items: ReturnType<typeof line>[]) {
  const { order } = await manager.orders.placeOrder({
    locationId,
    diningOption: DiningOption.DINE_IN,
    table: "7",
    items,
  });
  if (!order) throw new Error("no order");
  return order;
}

const ticket = (page: Page, number: number) => page.getByRole("article", { name: new RegExp(`^Order ${number}\\b`) });
const status = async (id: string) => (await manager.orders.getOrder({ orderId: id })).order?.status;

test("an order is on the screen within a second, is made, handed out, and called back", async ({ page, context }) => {
  await open(page, ["GRILL"]);
  const expo = await (await context.browser())?.newPage({ viewport: { width: 1920, height: 1080 } });
  if (!expo) throw new Error("no browser");
  await open(expo, ["EXPO"]);
  const order = await place([line(dish("GRILL"))]);
  const placed = Date.now();
  await expect(ticket(page, order.number).first()).toBeVisible({ timeout: 2_000 });
  console.log(`on the screen ${Date.now() - placed} ms after the answer to PlaceOrder`);
  await expect(ticket(expo, order.number).first()).toBeVisible();
  await page.waitForTimeout(600);

  await ticket(page, order.number).first().getByTitle("Start").click();
  await expect.poll(() => status(order.id)).toBe(OrderStatus.IN_PROGRESS);
  await ticket(page, order.number).locator("button.bump").click();
  await expect(ticket(page, order.number)).toHaveCount(0);
  await expect.poll(() => status(order.id)).toBe(OrderStatus.READY);
  await expect(ticket(expo, order.number).first()).toContainText("READY");

  await page.getByRole("button", { name: /Undo/ }).click();
  await expect(ticket(page, order.number).first()).toBeVisible();
  await expect.poll(() => status(order.id)).toBe(OrderStatus.IN_PROGRESS);
  await expect(ticket(expo, order.number).first()).not.toContainText("READY");
  await page.waitForTimeout(400);
  await ticket(page, order.number).locator("button.bump").click();
  await expect(ticket(expo, order.number).first()).toContainText("READY");
  await ticket(expo, order.number).locator("button.bump").click();
  await expect.poll(() => status(order.id)).toBe(OrderStatus.FULFILLED);
  await expect(ticket(expo, order.number)).toHaveCount(0);

  await page.waitForTimeout(5_500);
  await page.keyboard.press("Shift+R");
  await page.getByRole("button", { name: `Recall order ${order.number}`, exact: true }).click();
  await expect(ticket(page, order.number).first()).toContainText("RECALLED");
  await ticket(page, order.number).locator("button.bump").click();
  await expect(ticket(page, order.number)).toHaveCount(0);
  await expect(page.getByText("refused")).toHaveCount(0);
  await expo.close();
});

test("changes, voids and allergies reach the cook, and the cook's answer reaches the order", async ({ page }) => {
  await open(page, ["GRILL", "FRY", "COLD", "BAR"]);
  const order = await place([line(dish("GRILL"), { guestAllergies: [Allergen.PEANUTS] }), line(dish("GRILL", 1))]);
  const here = ticket(page, order.number).filter({ hasText: "GRILL" });
  await expect(here.first()).toBeVisible();
  const [first, second] = order.items;
  if (!first || !second) throw new Error("no items");
  const words = async () => (await ticket(page, order.number).allInnerTexts()).join(" ");
  await manager.orders.addItems({ orderId: order.id, items: [line(dish("GRILL", 2))] });
  await expect.poll(words).toContain("ADDED");
  await manager.orders.voidItems({ orderId: order.id, items: [{ itemId: second.id }], reason: "guest changed mind" });
  await expect.poll(words).toMatch(/VOID\s+guest changed mind/);
  await page.waitForTimeout(600);
  await ticket(page, order.number).locator("button.bump").first().click();
  await page.getByRole("button", { name: "I have seen it" }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.waitForTimeout(300);
  await ticket(page, order.number).locator("button.bump").first().click();
  await expect(ticket(page, order.number)).toHaveCount(0);
  await expect.poll(() => status(order.id)).toBe(OrderStatus.READY);
  await expect(page.getByText("refused")).toHaveCount(0);
});

test("86 stops orders", async ({ page }) => {
  await open(page, ["FRY"]);
  const { items } = await manager.menu.getMenu({ locationId });
  const last = items.at(-1);
  if (!last) throw new Error("no menu");
  await page.getByRole("button", { name: /^86/ }).click();
  await page.getByRole("button", { name: `86 ${last.name}`, exact: true }).click();
  await expect(page.getByText("86: OUT", { exact: true }).first()).toBeVisible();
  const out = async () =>
    (await manager.menu.getMenu({ locationId })).stock.some(
      (level) => level.menuItemId === last.id && level.state === 3,
    );
  await expect.poll(out).toBe(true);
  await page.getByRole("button", { name: `Back in stock ${last.name}` }).click();
  await expect.poll(out).toBe(false);
});

test("a screen that is shut out shows no tickets any more, and asks for a new code", async ({ page }) => {
  await open(page, ["GRILL"]);
  const { devices } = await manager.devices.listDevices({ locationId });
  const newest = devices.toSorted((a, b) => Number((b.createTime?.seconds ?? 0n) - (a.createTime?.seconds ?? 0n)))[0];
  await manager.devices.revokeDevice({ deviceId: newest?.deviceId ?? "" });
  const revoked = Date.now();
  await expect(page.locator(".code")).toBeVisible({ timeout: 20_000 });
  console.log(`asked for a new code ${Date.now() - revoked} ms after it was shut out`);
  await expect(page.locator(".ticket")).toHaveCount(0);
});
