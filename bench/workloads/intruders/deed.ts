import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { z } from "zod";
import type { Deed } from "./kinds.ts";

const outcomeSchema = z.object({
  /** How many answers came with each status; `none` of what broke off, or wasn't answered when it was over. */
  answers: z.record(z.string(), z.int()),
  /** How long each refusal with 429 or 503 took, in ms. */
  refusalsMs: z.array(z.number()),
});

/** What an intruder got. */
export type DeedOutcome = z.infer<typeof outcomeSchema>;

export type PreparedDeed = {
  /** Does it for so long, and returns what came of it. */
  run(durationMs: number, signal: AbortSignal): Promise<DeedOutcome>;
  close(): Promise<void>;
};

const STOP_WITHIN_MS = 10_000;

/** Makes an intruder ready, in a thread of its own, so that what it does takes no time from those who watch. */
export async function prepareDeed(url: string, deed: Deed): Promise<PreparedDeed> {
  const worker = new Worker(new URL("deed-worker.ts", import.meta.url), { workerData: { url, deed } });
  const message = async () => {
    const ended = once(worker, "exit").then(() => Promise.reject(new Error("the intruder's thread ended by itself")));
    ended.catch(() => {});
    const [value] = await Promise.race([once(worker, "message"), ended]);
    return value;
  };
  await message();
  return {
    async run(durationMs, signal) {
      const outcome = message();
      worker.postMessage("go");
      await sleep(durationMs, undefined, { signal });
      worker.postMessage("stop");
      const limit = setTimeout(() => void worker.terminate(), STOP_WITHIN_MS);
      try {
        return outcomeSchema.parse(await outcome);
      } finally {
        clearTimeout(limit);
      }
    },
    close: async () => void (await worker.terminate()),
  };
}
