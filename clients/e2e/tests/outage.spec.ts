import { createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { KitchenService } from "@muster/sdk/gen/muster/orders/v1/kitchen_service_pb";
import { DiningOption, StationKind } from "@muster/sdk/gen/muster/orders/v1/station_pb";
import { expect, type Page, test } from "@playwright/test";
import { Wire } from "../sim/wire.ts";
import { type Dish, dishes, Manager } from "./real.ts";

const upstream = process.env.MUSTER_URL ?? "";
/** A short outage each time; OUTAGE=300 for the five minutes of the promise. */
const seconds = Number(process.env.OUTAGE ?? "12");

test.use({ trace: "off" });
test.setTimeout((seconds + 120) * 1_000);

/** A location of its own with one station, so that other tests' orders are not on the screen. */
async function openGrill(owner: Manager) {
  const displayName = `Grill ${crypto.randomUUID().slice(0, 8)}`;
  const { location } = await owner.directory.createLocation({ displayName, timeZone: "America/New_York" });
  const locationId = location?.locationId ?? "";
  const id = crypto.randomUUID();
  const station = { id, locationId, name: "GRILL", kind: StationKind.PREP, defaultStation: true };
  await expect
    .poll(() =>
      owner.stations.putStation({ station }).then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
  return { locationId, stationId: id };
}

async function openScreen(page: Page, url: string, manager: Manager, locationId: string): Promise<void> {
  await page.goto(`${url}/kitchen/`);
  const code = await page.locator(".code").innerText();
  await manager.devices.approvePairing({ code, displayName: "Outage", locationId });
  await page.getByRole("button", { name: "GRILL" }).waitFor();
  await page.getByRole("button", { name: "Start shift" }).click();
  await expect(page.getByText(/heard/)).toBeVisible();
}

test("orders are painted at once with 200 open, and an outage loses and repeats nothing", async ({ page }) => {
  if (upstream === "") throw new Error("set MUSTER_URL to a running `muster dev`, or run through scripts/with-demo");
  const owner = new Manager(upstream);
  await owner.signIn("olive");
  const { locationId, stationId } = await openGrill(owner);
  const dish = (await dishes(owner, locationId)).get("GRILL")?.[0] as Dish;
  const { menuItemId, modifiers } = dish;
  const place = async () => {
    const items = [{ menuItemId, modifiers, quantity: 1 }];
    const { order } = await owner.orders.placeOrder({
      locationId,
      diningOption: DiningOption.DINE_IN,
      table: "7",
      items,
    });
    if (!order) throw new Error("no order");
    return order;
  };
  for (let n = 0; n < 195; n += 1) await place();

  const wire = new Wire(upstream);
  await openScreen(page, await wire.start(), owner, locationId);
  await expect(page.getByText("195 open")).toBeVisible();
  // The newest stand on the last page.
  for (let n = 0; n < 25; n += 1) await page.keyboard.press("PageDown");
  await page.evaluate(() => {
    const seen: Record<string, number> = {};
    Object.assign(globalThis, { seen });
    const look = () =>
      requestAnimationFrame(() => {
        for (const card of document.querySelectorAll<HTMLElement>("[data-card]")) {
          const id = (card.dataset.card ?? "").slice(0, 36);
          seen[id] ??= performance.timeOrigin + performance.now();
        }
        look();
      });
    look();
  });
  const seenAt = (id: string) =>
    page.evaluate((id) => (globalThis as unknown as { seen: Record<string, number> }).seen[id], id);

  const sign: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${owner.accessToken}`);
    return next(request);
  };
  const kitchen = createClient(KitchenService, createGrpcWebTransport({ baseUrl: upstream, interceptors: [sign] }));
  const waits: number[] = [];
  for (let n = 0; n < 60; n += 1) {
    const order = await place();
    // The answer is sent after the commit; from there on it is the stream and the screen.
    const committed = performance.timeOrigin + performance.now();
    await expect.poll(() => seenAt(order.id), { intervals: [20] }).toBeTruthy();
    waits.push(((await seenAt(order.id)) ?? 0) - committed);
    const itemIds = order.items.map((item) => item.id);
    await kitchen.bumpItems({ orderId: order.id, stationId, itemIds });
    await page.waitForTimeout(100);
  }
  waits.sort((a, b) => a - b);
  const at = (share: number) => Math.round(waits[Math.floor((waits.length - 1) * share)] ?? 0);
  console.log(`committed to painted with 195 open: p50 ${at(0.5)} p95 ${at(0.95)} max ${at(1)} ms`);

  wire.cut();
  const missed: string[] = [];
  for (let n = 0; n < 4; n += 1) missed.push((await place()).id);
  await expect(page.getByRole("alert")).toContainText("NO CONTACT", { timeout: 8_000 });
  await page.waitForTimeout(seconds * 1_000);
  await expect(page.getByRole("article", { name: "Order 1", exact: true })).toBeVisible();
  wire.mend();
  const mended = Date.now();
  await expect(page.getByText("199 open")).toBeVisible();
  console.log(`${seconds} s without a network: all there ${Date.now() - mended} ms after it came back`);
  await expect(page.getByRole("alert")).toHaveCount(0);
  for (let n = 0; n < 25; n += 1) await page.keyboard.press("PageDown");
  for (const id of missed) await expect.poll(() => seenAt(id)).toBeTruthy();
  wire.stop();
});
