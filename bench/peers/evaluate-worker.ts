/** The process behind `evaluate.ts`: node-llama-cpp as its documentation shows it, with nothing of ours. */
import { getLlama, LlamaLogLevel } from "node-llama-cpp";
import type { EvaluateOptions, EvaluateRequest, EvaluateStream } from "./evaluate.ts";

process.on("disconnect", () => process.exit(0));
process.once("message", (options: EvaluateOptions) => {
  serve(options).catch((error) => {
    console.error(error);
    process.exit(1);
  });
});

async function serve({ modelPath, threads, gpu, sequences, contextTokens }: EvaluateOptions): Promise<void> {
  const llama = await getLlama({ gpu: gpu === "off" ? false : gpu, build: "never", logLevel: LlamaLogLevel.error });
  const model = await llama.loadModel({ modelPath });
  const context = await model.createContext({ sequences, contextSize: contextTokens, threads });
  const slots = Array.from({ length: sequences }, () => context.getSequence());

  async function run({ prompts, newTokens }: EvaluateRequest): Promise<readonly EvaluateStream[]> {
    await Promise.all(slots.map((slot) => slot.clearHistory()));
    return Promise.all(
      prompts.map(async (prompt, index) => {
        const slot = slots[index];
        if (slot === undefined) throw new Error(`${prompts.length} prompts, and ${sequences} sequences`);
        const tokens = model.tokenize(prompt);
        const startedMs = performance.now();
        const tokensMs: number[] = [];
        // The token that would end the text is yielded like any other, so that the length is what was asked for.
        for await (const _token of slot.evaluate(tokens, { temperature: 0, yieldEogToken: true })) {
          tokensMs.push(performance.now());
          if (tokensMs.length >= newTokens) break;
        }
        return { startedMs, promptTokens: tokens.length, tokensMs };
      }),
    );
  }

  process.on("message", (request: EvaluateRequest) => {
    void run(request).then((streams) => process.send?.(streams));
  });
  process.send?.("ready");
}
