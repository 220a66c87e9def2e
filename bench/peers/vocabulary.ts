import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { z } from "zod";

export type VocabularyQuestion = { readonly modelPath: string; readonly words: readonly string[] };

const answerSchema = z.object({ endTokens: z.array(z.int()), singleTokenWords: z.array(z.string()) });

export type VocabularyAnswer = z.infer<typeof answerSchema>;

/**
 * Which tokens end a generation, and which of the words are one token in the middle of a text. Asked in a process of its own, so that
 * the benchmark's process stays free of the binding.
 */
export async function readVocabulary(question: VocabularyQuestion, signal: AbortSignal): Promise<VocabularyAnswer> {
  const worker = fork(fileURLToPath(new URL("vocabulary-worker.ts", import.meta.url)), { execArgv: [], signal });
  worker.send(question);
  const exited = once(worker, "exit", { signal }).then(([code]) => {
    throw new Error(`the process that reads the model's vocabulary ended with exit code ${code}`);
  });
  const [answer] = await Promise.race([once(worker, "message", { signal }), exited]);
  exited.catch(() => {});
  return answerSchema.parse(answer);
}
