import { describe, expect, test } from "vitest";
import { watchSurroundings } from "../../../src/cli/compare/surroundings.ts";
import { configSchema } from "../../../src/config/schema.ts";

/** Nothing listens on it. */
const config = configSchema.parse({ port: 9 });

describe("The surroundings of a measurement", () => {
  test("are quiet as long as no look finds the processor in use", async () => {
    const surroundings = watchSurroundings(config, new AbortController().signal, {
      readBusy: async () => 0.02,
      load: () => 0.5,
    });
    await surroundings.look();
    expect(surroundings.describe()).toEqual({ disturbance: { busyShare: 0.02, loadAverage: 0.5 }, isQuiet: true });
  });

  test("are not if one look of several finds it in use", async () => {
    const shares = [0.01, 0.4, 0.01];
    const surroundings = watchSurroundings(config, new AbortController().signal, {
      readBusy: async () => shares.shift() ?? 0,
      load: () => 1.5,
    });
    for (let look = 0; look < 3; look++) await surroundings.look();
    expect(surroundings.describe()).toMatchObject({ disturbance: { busyShare: 0.4 }, isQuiet: false });
  });

  test("end with the command", async () => {
    const controller = new AbortController();
    const surroundings = watchSurroundings(config, controller.signal);
    const looking = surroundings.look();
    controller.abort(new Error("stopped"));
    await expect(looking).rejects.toThrow("stopped");
  });
});
