import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { createJob, type JobOptions } from "../../src/batch/job.ts";
import { createRunner, type RunnerOptions } from "../../src/batch/runner.ts";
import { systemClock } from "../../src/clock.ts";
import { newFileId } from "../../src/files/files.ts";
import { openFileFolder } from "../../src/files/folder.ts";
import { newBatchRecord } from "../../src/http/routes/batches.ts";
import { tryLock } from "../../src/store/lock.ts";
import { createState } from "../../src/store/state.ts";

const KEEP_ALL = { maxAgeMs: Number.MAX_SAFE_INTEGER, maxEntries: 100_000 };
const SILENT = pino({ level: "silent" });

/** A request's line. */
export function lineOf(customId: string, body: Readonly<Record<string, unknown>> = {}, url = CHAT): string {
  return JSON.stringify({ custom_id: customId, method: "POST", url, body });
}

export const CHAT = "/v1/chat/completions";

/** A folder with a state file, which outlives those that run its batches. */
export function createBatchPlace() {
  const path = mkdtempSync(join(tmpdir(), "sluice-batch-"));
  const stateFile = join(path, "state.db");
  let batches = 0;

  function openState() {
    return createState({ file: stateFile, retention: KEEP_ALL });
  }

  return {
    path,
    stateFile,
    openState,
    /** Stores an input file and a batch of it. Returns its id. */
    addBatch(lines: readonly string[], options: { windowMs?: number; tenant?: string; text?: string } = {}) {
      const { windowMs = 86_400_000, tenant, text = lines.map((line) => `${line}\n`).join("") } = options;
      const state = openState();
      const inputFile = newFileId();
      mkdirSync(join(path, "files"), { recursive: true });
      writeFileSync(join(path, "files", inputFile), text);
      const own = tenant === undefined ? state : state.of(tenant);
      batches += 1;
      // The ids of its files are made of the first digits.
      const id = `batch_${batches.toString(16).padStart(8, "0").padEnd(48, "0")}`;
      const body = JSON.stringify({ completion_window: "24h", metadata: null });
      const batch = { id, kind: "openai", endpoint: CHAT, inputFile, body } as const;
      own.batches.add(newBatchRecord(batch, tenant, Date.now(), windowMs));
      state.close();
      return id;
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

export type BatchPlace = ReturnType<typeof createBatchPlace>;

/** Runs the batches of a place, as a gateway does. */
export function openRunner(
  place: BatchPlace,
  options: Partial<Omit<RunnerOptions & JobOptions, "createJob" | "record" | "door">> & Pick<RunnerOptions, "doorFor">,
) {
  const state = place.openState();
  const folder = openFileFolder({ stateFile: place.stateFile, now: Date.now });
  const ended = Promise.withResolvers<void>();
  const change: typeof state.batchQueue.change = (...given) => {
    const isChanged = state.batchQueue.change(...given);
    if (isChanged && state.batchQueue.unfinished().length === 0) ended.resolve();
    return isChanged;
  };
  const all = {
    queue: { ...state.batchQueue, change },
    prepare: folder.prepare,
    removeFile: folder.remove,
    parallel: () => 3,
    maxLineBytes: 1_000_000,
    maxLines: 1_000_000,
    maxTenantBytes: () => Number.POSITIVE_INFINITY,
    filesEndMs: (_: string, atMs: number) => atMs + 1e9,
    clock: systemClock,
    now: Date.now,
    logger: SILENT,
    async tryLock() {
      return tryLock(join(await folder.place(), "batches.lock"));
    },
    ...options,
  };
  const runner = createRunner({ ...all, createJob: (record, door) => createJob({ ...all, record, door }) });
  return {
    runner,
    state,
    /** Resolves when all batches have ended. */
    ended: ended.promise,
    /** Reads a batch's results. */
    async results(id: string) {
      const batch = state.batches.get("openai", id);
      if (batch === undefined) throw new Error("There is no such batch.");
      const read = async (file: string) => {
        const handle = await open(join(place.path, "files", file)).catch(() => undefined);
        const text = (await handle?.readFile("utf8")) ?? "";
        await handle?.close();
        return text.split("\n").filter((line) => line !== "");
      };
      return { batch, output: await read(batch.outputFile), errors: await read(batch.errorFile) };
    },
    async [Symbol.asyncDispose]() {
      await runner.stop();
      state.close();
    },
  };
}

/** A door that answers each request with what `answer` makes of its body. */
export function doorTo(
  answer: (body: Readonly<Record<string, unknown>>, signal: AbortSignal | undefined) => Response | Promise<Response>,
) {
  return async (_path: string, { body, signal }: RequestInit) => answer(JSON.parse(String(body)), signal ?? undefined);
}

export function ok(body: object): Response {
  return Response.json(body, { headers: { "x-request-id": "req_1" } });
}
