import { describe, expect, it } from "vitest";
import { createBreaker } from "../../src/upstream/breaker.ts";
import { createFakeClock } from "../fake-clock.ts";

const SECOND = 1_000;

function open(isWell: () => boolean = () => true) {
  const clock = createFakeClock();
  const breaker = createBreaker({ clock, probe: async () => isWell() });
  for (let index = 0; index < 5; index++) breaker.begin()?.failed();
  return { clock, breaker };
}

describe("createBreaker", () => {
  it("opens after five failures that are at least half of what came", () => {
    const { breaker } = open();
    expect(breaker.state()).toBe("open");
    expect(breaker.begin()).toBeUndefined();
    expect(breaker.retryAfterMs()).toBe(SECOND);
  });

  it("stays closed while most requests succeed", () => {
    const breaker = createBreaker({ clock: createFakeClock(), probe: undefined });
    for (let index = 0; index < 30; index++) {
      breaker.begin()?.succeeded();
      breaker.begin()?.succeeded();
      breaker.begin()?.failed();
    }
    expect(breaker.state()).toBe("closed");
  });

  it("counts nothing of requests that say nothing", () => {
    const breaker = createBreaker({ clock: createFakeClock(), probe: undefined });
    for (let index = 0; index < 50; index++) breaker.begin()?.saidNothing();
    expect(breaker.state()).toBe("closed");
  });

  it("lets one request through when the probe says that the server is well, and all after its success", async () => {
    const { clock, breaker } = open();
    clock.advance(SECOND);
    await expect.poll(breaker.state).toBe("trying");
    const trial = breaker.begin();
    expect(trial).toBeDefined();
    expect(breaker.begin()).toBeUndefined();
    trial?.succeeded();
    expect(breaker.state()).toBe("closed");
    expect(breaker.begin()).toBeDefined();
  });

  it("lets another through when the first was left", async () => {
    const { clock, breaker } = open();
    clock.advance(SECOND);
    await expect.poll(breaker.state).toBe("trying");
    breaker.begin()?.saidNothing();
    expect(breaker.begin()).toBeDefined();
  });

  it("waits twice as long each time that the server is not well", async () => {
    let isWell = false;
    const { clock, breaker } = open(() => isWell);
    clock.advance(SECOND);
    await expect.poll(breaker.retryAfterMs).toBe(2 * SECOND);
    isWell = true;
    clock.advance(2 * SECOND);
    await expect.poll(breaker.state).toBe("trying");
    breaker.begin()?.failed();
    expect(breaker.retryAfterMs()).toBe(4 * SECOND);
  });
});
