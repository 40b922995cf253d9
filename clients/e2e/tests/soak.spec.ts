import { PrepState } from "@muster/sdk/gen/muster/orders/v1/order_pb";
import { GRILL } from "../sim/shop.ts";
import { expect, test } from "./fixtures.ts";

test.use({ trace: "off" });
// A taste of it each time; SOAK=100000 for a night.
const orders = Number(process.env.SOAK ?? "150");

test("thousands of orders come and go, and leave nothing behind", async ({ page, sim, kitchen }) => {
  test.setTimeout(3_600_000);
  await kitchen.open(["GRILL"]);
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Performance.enable");
  const heap = async () => {
    await cdp.send("HeapProfiler.collectGarbage");
    const { metrics } = await cdp.send("Performance.getMetrics");
    const read = (name: string) => metrics.find((metric) => metric.name === name)?.value ?? 0;
    return { megabytes: read("JSHeapUsedSize") / 1e6, nodes: read("Nodes"), listeners: read("JSEventListeners") };
  };
  const churn = async (count: number) => {
    const open: string[] = [];
    for (let n = 0; n < count; n += 1) {
      open.push(sim.shop.place([{ name: "Burger", modifiers: ["No onion"] }, { name: "Fries" }]).id);
      const oldest = open.length > 30 ? open.shift() : undefined;
      if (oldest) {
        sim.shop.act(oldest, GRILL.id, [], 5, (item) => {
          item.states.set(GRILL.id, PrepState.DONE);
          return true;
        });
      }
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    for (const id of open) {
      sim.shop.act(id, GRILL.id, [], 5, (item) => {
        item.states.set(GRILL.id, PrepState.DONE);
        return true;
      });
    }
    await expect(page.locator(".ticket")).toHaveCount(0);
    await page.waitForTimeout(3_000);
  };
  await churn(Math.ceil(orders / 10));
  const before = await heap();
  await churn(orders);
  const after = await heap();
  console.log(`${orders} orders: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`);
  expect(after.megabytes - before.megabytes).toBeLessThan(10);
});
