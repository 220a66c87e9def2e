import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { createLink } from "../../src/redis/link.ts";
import { createHomes } from "../../src/routing/homes.ts";

describe("where sessions are that have left their place", () => {
  it("is remembered, and forgotten when they are back", async () => {
    const homes = createHomes();
    expect(await homes.find("r", "s")).toBeUndefined();
    homes.set("r", "s", "b");
    expect(await homes.find("r", "s")).toBe("b");
    expect(await homes.find("other", "s")).toBeUndefined();
    expect(await homes.find("r", "other")).toBeUndefined();
    homes.set("r", "s", undefined);
    expect(await homes.find("r", "s")).toBeUndefined();
  });

  it("is known to this gateway alone while Redis can't be had", async () => {
    const link = createLink({
      url: "redis://127.0.0.1:1",
      timeoutMs: 50,
      logger: pino({ level: "silent" }),
      meanwhile: "",
    });
    await link.open();
    const homes = createHomes({ redis: link });
    homes.set("r", "s", "b");
    expect(await homes.find("r", "s")).toBe("b");
    link.close();
  });
});
