import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { GpuChoice } from "./settings.ts";

export type EvaluateOptions = {
  readonly modelPath: string;
  readonly threads: number;
  readonly gpu: GpuChoice;
  readonly sequences: number;
  readonly contextTokens: number;
};

/** One stream for each prompt, all at once. */
export type EvaluateRequest = { readonly prompts: readonly string[]; readonly newTokens: number };

const streamSchema = z.object({
  startedMs: z.number(),
  promptTokens: z.number(),
  /** When each token came, by the clock of that process. */
  tokensMs: z.array(z.number()),
});
export type EvaluateStream = z.infer<typeof streamSchema>;

export type Evaluator = {
  run(request: EvaluateRequest): Promise<readonly EvaluateStream[]>;
  stop(): Promise<void>;
};

/** Starts node-llama-cpp's own `evaluate()` in a process of its own, as it comes. */
export async function startEvaluator(options: EvaluateOptions, signal: AbortSignal): Promise<Evaluator> {
  const worker = fork(fileURLToPath(new URL("evaluate-worker.ts", import.meta.url)), { execArgv: [] });
  const exited = once(worker, "exit");
  const died = exited.then(() => {
    throw new Error("the process that runs evaluate() ended");
  });
  died.catch(() => {});
  const answer = async () => (await Promise.race([once(worker, "message", { signal }), died]))[0] as unknown;
  const stop = async () => {
    worker.kill("SIGKILL");
    await exited;
  };
  try {
    worker.send(options);
    await answer();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    async run(request) {
      worker.send(request);
      return z.array(streamSchema).parse(await answer());
    },
    stop,
  };
}
