import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Config, configSchema } from "../../src/config/schema.ts";
import { settings } from "../../src/config/settings.ts";
import { isLive, takeOver } from "../../src/config/take-over.ts";

const DEFAULTS = configSchema.parse({});

/** Other values of a few settings, of all kinds. */
const changes = fc.record(
  {
    port: fc.nat(65_535),
    host: fc.constantFrom("127.0.0.1", "localhost"),
    maxPending: fc.integer({ min: 1, max: 1_000 }),
    unknownModel: fc.constantFrom("refuse", "default"),
    aliases: fc.constantFrom([], ["a=b"]),
    apiKey: fc.constantFrom("", "a-secret-of-the-setting"),
    redisUrl: fc.constantFrom("", "redis://:a-secret-of-redis@host"),
    upstreams: fc.constantFrom([], [{ name: "a", baseUrl: "http://a-secret-host" }]),
    slots: fc.integer({ min: 1, max: 8 }),
    warmPresets: fc.boolean(),
  },
  { requiredKeys: [] },
);

describe("settings that were read again", () => {
  it("are taken over where the gateway can change them, and otherwise named, with no secret", () => {
    fc.assert(
      fc.property(changes, changes, (first, later) => {
        const [running, read] = [configSchema.parse(first), configSchema.parse(later)];
        const { config, changed, waiting } = takeOver(running, read);
        for (const { key } of settings) expect(config[key]).toEqual(isLive(key) ? read[key] : running[key]);
        const different = settings.filter(({ key }) => JSON.stringify(running[key]) !== JSON.stringify(read[key]));
        expect([...changed, ...waiting].map(({ setting }) => setting).sort()).toEqual(
          different.map(({ key }) => key).sort(),
        );
        expect(JSON.stringify([changed, waiting])).not.toContain("secret");
      }),
    );
  });

  it("are told of again at each reload until the restart", () => {
    const read: Config = { ...DEFAULTS, port: 1 };
    const once = takeOver(DEFAULTS, read);
    expect(once.waiting).toEqual([{ setting: "port", from: 8080, to: 1 }]);
    expect(takeOver(once.config, read).waiting).toEqual(once.waiting);
    expect(takeOver(once.config, DEFAULTS).waiting).toEqual([]);
  });
});
