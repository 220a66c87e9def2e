import { pino } from "pino";
import { openBatches } from "../../src/batch/open.ts";
import { requestAs } from "../../src/http/arrival.ts";
import { openTestFiles } from "../files/support.ts";
import { batchResult, batch as batchSchema } from "../fixtures/openai/batches.ts";
import { file as fileSchema } from "../fixtures/openai/files.ts";
import { openState } from "../store/support.ts";
import { createTestApp, formInit, jsonInit, type TestAppOptions } from "./support.ts";

export const BATCHES = "/v1/batches";

/** An app that runs its batches, with a model that says how many it was asked. */
export async function createBatchApp(options: TestAppOptions = {}) {
  const state = options.state ?? openState();
  const files = openTestFiles(":memory:", state, { isReferred: state.batchQueue.needs });
  const batches = openBatches({
    state: { batchQueue: state.batchQueue, segments: state.segments, exists: () => true },
    stateFile: ":memory:",
    files: async () => files,
    doorFor: (keyId) => requestAs(made.app, { keyId, priority: "batch" }),
    slotsOf: () => 2,
    lifeMs: () => 86_400_000,
    maxLineBytes: 100_000,
    maxTenantBytes: () => Number.POSITIVE_INFINITY,
    now: Date.now,
    logger: pino({ level: "silent" }),
  });
  const made = createTestApp({ ...options, state, files: async () => files, batches });
  const { app } = made;
  const upload = async (lines: readonly object[], purpose = "batch", headers = {}) => {
    const init = formInit({ purpose, file: lines.map((line) => JSON.stringify(line)).join("\n") });
    const answer = await app.request("/v1/files", { ...init, headers: { ...init.headers, ...headers } });
    return fileSchema.parse(await answer.json()).id;
  };
  const create = async (body: object, headers = {}) => {
    const init = jsonInit({ completion_window: "24h", ...body });
    return app.request(BATCHES, { ...init, headers: { ...init.headers, ...headers } });
  };
  const show = async (id: string, headers = {}) =>
    batchSchema.parse(await (await app.request(`${BATCHES}/${id}`, { headers })).json());
  return {
    ...{ app, state, upload, create, show },
    pathOf: files.folder.path,
    opened: files.opened,
    /** Waits for a batch's end. */
    async ended(id: string, headers = {}) {
      for (;;) {
        const shown = await show(id, headers);
        if (["completed", "failed", "expired", "cancelled"].includes(shown.status)) return shown;
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    async results(id: string | null, headers = {}) {
      const text = await (await app.request(`/v1/files/${id}/content`, { headers })).text();
      return text
        .trimEnd()
        .split("\n")
        .map((line) => batchResult.parse(JSON.parse(line)));
    },
    async [Symbol.asyncDispose]() {
      await batches.stop();
      files.close();
      state.close();
    },
  };
}
