import { expect, it } from "vitest";
import { ServerClock } from "../src/server-clock.ts";

it("tells this machine's time until the server is heard", () => {
  const clock = new ServerClock(
    () => 0,
    () => 42,
  );
  expect(clock.known).toBe(false);
  expect(clock.now()).toBe(42);
});

it("believes the message that came fastest", () => {
  let own = 1_000;
  const clock = new ServerClock(() => own);
  clock.hear(500_000 - 300);
  expect(clock.now()).toBe(499_700);
  own = 2_000;
  clock.hear(501_000 - 20);
  expect(clock.now()).toBe(500_980);
  own = 3_000;
  clock.hear(502_000 - 900);
  expect(clock.now()).toBe(501_980);
});

it("starts over when the server's clock or this machine jumped", () => {
  let own = 1_000;
  const clock = new ServerClock(() => own);
  clock.hear(500_000);
  own = 2_000;
  clock.hear(900_000);
  expect(clock.now()).toBe(900_000);
  clock.hear(400_000);
  expect(clock.now()).toBe(400_000);
});
