import { expect, it } from "vitest";
import { configSchema } from "../../src/config/schema.ts";
import type { ModelProcesses } from "../../src/gateway/engines.ts";
import { createLocalBackend } from "../../src/gateway/local-backend.ts";
import type { LocalModel } from "../../src/models/index.ts";
import { createLoadControl } from "../../src/queue/load-control.ts";

it("is asked to load a model by somebody, so work that waits for an idle gateway gives way until it has loaded", async () => {
  const loaded = Promise.withResolvers<void>();
  const embedder = {
    ...{ state: "unloaded", info: undefined, onStateChange: () => () => {}, load: () => loaded.promise },
    berth: { use: () => () => {} },
  };
  const gguf = { architecture: "bert", parameterCount: 1, chatTemplate: false, sizeBytes: 1 };
  const model = { id: "m", aliases: [], path: import.meta.filename, sizeBytes: 1, gguf: gguf as LocalModel["gguf"] };
  const load = createLoadControl({ maxPending: 8, maxPendingTokens: 1_000, maxWaitMs: 1_000, models: () => 1 });
  const backend = await createLocalBackend(model, {
    ...{ config: configSchema.parse({ model: [] }), load, version: "1.2.3" },
    processes: { engines: [], embedder: embedder as unknown as ModelProcesses["embedder"] },
  });
  const never = new AbortController().signal;
  const undisturbed = await load.attendance.quiet(0, never);
  const loading = backend.load();
  expect(undisturbed.aborted).toBe(true);
  let isQuiet = false;
  const quiet = load.attendance.quiet(0, never).then(() => {
    isQuiet = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isQuiet).toBe(false);
  loaded.resolve();
  await Promise.all([loading, quiet]);
});
