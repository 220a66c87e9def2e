import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { InterruptedError } from "../../src/cli/interrupts.ts";
import { type ServeParts, serve } from "../../src/cli/serve.ts";
import type { Flags } from "../../src/config/load.ts";
import type { RunningGateway } from "../../src/gateway/start.ts";
import type { LocalModel } from "../../src/models/index.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { type FakeContext, fakeContext } from "./fake-context.ts";

const model: LocalModel = {
  id: "smol",
  aliases: [],
  path: "/models/smol.gguf",
  sizeBytes: 1,
  gguf: {
    architecture: "llama",
    parameterCount: 1,
    contextLength: 2048,
    chatTemplate: true,
    sizeBytes: 1,
  } as LocalModel["gguf"],
};

/** A free port is taken unless the test says otherwise. */
const flags = { port: "0", shutdownGraceMs: "1000" };

function setUp(given: { readonly parts?: Partial<ServeParts>; readonly stop?: RunningGateway["stop"] } = {}) {
  const context = fakeContext();
  const log: { level: string; msg: string }[] = [];
  const stops: number[] = [];
  const delays: number[] = [];
  const stopping = Promise.withResolvers<void>();
  const parts: ServeParts = {
    fetchModels: async () => [model],
    startGateway: async () => {
      return {
        url: "http://127.0.0.1:8080",
        stop: async (graceMs, delayMs = 0) => {
          stops.push(graceMs);
          delays.push(delayMs);
          stopping.resolve();
          await given.stop?.(graceMs);
        },
      };
    },
    createLogger: ({ level }) => createLogger({ level, stream: { write: (line) => log.push(JSON.parse(line)) } }),
    ...given.parts,
  };
  return { context, log, stops, delays, stopping: stopping.promise, parts };
}

/** Runs `serve` until it has printed that it is ready; gives the promise of its end, in an object so that it isn't awaited here. */
async function serveUntilReady(given: Flags, context: FakeContext, parts: ServeParts) {
  const ready = context.stdout.until("Try it:");
  const running = serve(given, context, parts);
  await Promise.race([ready, running]);
  return { running };
}

describe("serve", () => {
  it("prints only the banner on stdout when it is ready, and runs until a signal", async () => {
    const { context, parts, stops } = setUp();
    const { running } = await serveUntilReady(flags, context, parts);
    expect(context.stdout.text()).toContain(
      "Sluice 0.1.0 listens on http://127.0.0.1:8080\n\n  smol  4 slots of 2048 tokens\n",
    );
    expect(stops).toEqual([]);
    context.process.emit("SIGTERM", "SIGTERM");
    await running;
  });

  it("does not start when other machines could use it without a key", async () => {
    const fetchModels = vi.fn<ServeParts["fetchModels"]>(async () => [model]);
    const { context, parts } = setUp({ parts: { fetchModels } });
    await expect(serve({ ...flags, host: "0.0.0.0" }, context, parts)).rejects.toThrow(/keys create NAME.*--insecure/);
    expect(fetchModels).not.toHaveBeenCalled();
    const { running } = await serveUntilReady({ ...flags, host: "0.0.0.0", insecure: true }, context, parts);
    context.process.emit("SIGTERM", "SIGTERM");
    expect(await running).toBe(0);
  });

  it("shows a request with a placeholder for the key when one is needed, and prints no key", async () => {
    const { context, parts } = setUp();
    const apiKey = "sk-sluice-of-the-setting";
    const { running } = await serveUntilReady({ ...flags, apiKey }, context, parts);
    expect(context.stdout.text()).toContain('    -H "Authorization: Bearer $SLUICE_KEY" \\\n    -d ');
    expect(context.stdout.text()).not.toContain(apiKey);
    context.process.emit("SIGTERM", "SIGTERM");
    await running;
  });

  it("prints the banner even when the log is silent", async () => {
    const { context, parts, log } = setUp();
    const { running } = await serveUntilReady({ ...flags, logLevel: "silent" }, context, parts);
    context.process.emit("SIGTERM", "SIGTERM");
    expect(await running).toBe(0);
    expect(log).toEqual([]);
  });

  it("warns of a renamed setting, and applies it", async () => {
    const startGateway = vi.fn<ServeParts["startGateway"]>(async () => ({ url: "http://x", stop: async () => {} }));
    const { context, parts, log } = setUp({ parts: { startGateway } });
    const { running } = await serveUntilReady({ ...flags, cacheRedisUrl: "redis://cache" }, context, parts);
    expect(startGateway.mock.calls[0]?.[0]).toMatchObject({
      config: { redisUrl: "redis://cache", redisShares: ["answers"] },
    });
    expect(log).toEqual([expect.objectContaining({ level: "warn", msg: expect.stringContaining("--redis-url") })]);
    context.process.emit("SIGINT", "SIGINT");
    await running;
  });

  it("hands the settings and the models to the gateway", async () => {
    const startGateway = vi.fn<ServeParts["startGateway"]>(async () => ({ url: "http://x", stop: async () => {} }));
    const fetchModels = vi.fn<ServeParts["fetchModels"]>(async () => [model]);
    const { context, parts } = setUp({ parts: { startGateway, fetchModels } });
    const { running } = await serveUntilReady({ ...flags, slots: "8", model: ["a", "b"] }, context, parts);
    expect(fetchModels.mock.calls[0]?.[0]).toEqual(["a", "b"]);
    expect(startGateway.mock.calls[0]?.[0]).toMatchObject({ config: { slots: 8, port: 0 }, models: [model] });
    expect(context.stdout.text()).toContain("smol  8 slots of");
    context.process.emit("SIGINT", "SIGINT");
    await running;
  });

  it.each(["SIGINT", "SIGTERM"] as const)(
    "lets requests finish within the grace period after %s, then ends with 0",
    async (name) => {
      const { context, parts, stops, log } = setUp();
      const { running } = await serveUntilReady(flags, context, parts);
      context.process.emit(name, name);
      expect(await running).toBe(0);
      expect(stops).toEqual([1000]);
      expect(log.map(({ msg }) => msg)).toEqual([
        `${name}: accepting no new requests; running ones have 1000 ms to finish. A second signal exits at once.`,
        "stopped",
      ]);
      expect(context.process.exits).toEqual([]);
      expect(context.process.eventNames()).toEqual([]);
    },
  );

  it("tells load balancers first, for as long as the settings say", async () => {
    const { context, parts, stops, delays, log } = setUp();
    const { running } = await serveUntilReady({ ...flags, drainDelayMs: "5000" }, context, parts);
    context.process.emit("SIGTERM", "SIGTERM");
    expect(await running).toBe(0);
    expect([stops, delays]).toEqual([[1000], [5000]]);
    expect(log[0]?.msg).toContain("/ready is 503 now; in 5000 ms, accepting no new requests");
  });

  it("does not wait for load balancers after an uncaught error", async () => {
    const { context, parts, delays } = setUp();
    const { running } = await serveUntilReady({ ...flags, drainDelayMs: "5000" }, context, parts);
    context.process.emit("uncaughtException", new TypeError("boom"));
    expect(await running).toBe(1);
    expect(delays).toEqual([0]);
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("exits at once at a second signal: %s with %i", async (name, exitCode) => {
    const release = Promise.withResolvers<void>();
    const { context, parts, stopping, log } = setUp({ stop: () => release.promise });
    const { running } = await serveUntilReady(flags, context, parts);
    context.process.emit("SIGTERM", "SIGTERM");
    await stopping;
    context.process.emit(name, name);
    expect(context.process.exits).toEqual([exitCode]);
    expect(log.at(-1)).toMatchObject({ level: "warn", msg: expect.stringContaining(`${name} again: exiting at once`) });
    release.resolve();
    await running;
  });

  it("logs an uncaught error, stops, and exits with 1", async () => {
    const { context, parts, stops, log } = setUp();
    const { running } = await serveUntilReady(flags, context, parts);
    context.process.emit("uncaughtException", new TypeError("boom"));
    expect(await running).toBe(1);
    expect(stops).toEqual([1000]);
    expect(log[0]).toMatchObject({ level: "fatal", err: { message: "boom" } });
  });

  it("breaks a download off at a signal", async () => {
    const { context, parts } = setUp({
      parts: {
        fetchModels: (_, { signal }) =>
          new Promise((_resolve, reject) =>
            signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
          ),
      },
    });
    const fetching = vi.spyOn(parts, "fetchModels");
    const running = serve(flags, context, parts);
    await expect.poll(() => fetching.mock.calls).toHaveLength(1);
    context.process.emit("SIGINT", "SIGINT");
    await expect(running).rejects.toThrow(InterruptedError);
    await expect(running).rejects.toMatchObject({ exitCode: 130 });
    expect(context.stdout.text()).toBe("");
  });

  it("does not wait for a model to load after a signal", async () => {
    const starting = Promise.withResolvers<void>();
    const { context, parts, log } = setUp({
      parts: {
        startGateway: () => {
          starting.resolve();
          return new Promise(() => {});
        },
      },
    });
    const running = serve(flags, context, parts);
    await starting.promise;
    context.process.emit("SIGTERM", "SIGTERM");
    await expect(running).rejects.toMatchObject({ exitCode: 143 });
    expect(log.map(({ msg }) => msg)).toEqual(["SIGTERM: stopped before the gateway was ready"]);
    expect(context.process.eventNames()).toEqual([]);
  });

  it("finds a taken port before it downloads anything", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" ? String(address?.port) : "";
    try {
      const { context, parts } = setUp();
      const fetching = vi.spyOn(parts, "fetchModels");
      await expect(serve({ ...flags, port }, context, parts)).rejects.toThrow(`Port ${port} on 127.0.0.1 is used`);
      expect(fetching).not.toHaveBeenCalled();
      expect(context.process.eventNames()).toEqual([]);
    } finally {
      server.close();
    }
  });

  it("explains an address that was taken only when the gateway listened", async () => {
    const { context, parts } = setUp({
      parts: { startGateway: async () => Promise.reject(Object.assign(new Error("listen"), { code: "EADDRINUSE" })) },
    });
    await expect(serve(flags, context, parts)).rejects.toThrow("is used by another program");
  });

  describe("with a clock", () => {
    afterEach(() => {
      vi.useRealTimers();
    });

    it("gives up on a gateway that does not stop, and exits with 1", async () => {
      const { context, parts, stops, log } = setUp({ stop: () => new Promise(() => {}) });
      const { running } = await serveUntilReady(flags, context, parts);
      vi.useFakeTimers();
      context.process.emit("SIGTERM", "SIGTERM");
      await vi.advanceTimersByTimeAsync(5_999);
      expect(stops).toEqual([1000]);
      expect(log).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(1);
      expect(await running).toBe(1);
      expect(log.at(-1)?.msg).toBe("The gateway did not stop within 6000 ms; exiting anyway.");
    });
  });
});
