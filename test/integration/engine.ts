import { inject } from "vitest";
import { createEngine, type Engine } from "../../src/engine/host/engine.ts";
import type { FinishReason, SampledLogprob } from "../../src/generation/event.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { silentLogger } from "../engine/host/helpers.ts";
import { generationRequest } from "../fixtures/generation.ts";

/** A separate engine with the real model, for features that no protocol exposes. */
export async function startEngine(): Promise<Engine> {
  const engine = createEngine({
    options: {
      modelPath: inject("modelPath"),
      slots: 4,
      contextTokens: 1024,
      threads: "auto",
      gpu: "off",
      flashAttention: "auto",
      prefillPauseMs: 50,
      prefillShare: 1,
      prefillChunkTokens: 64,
      prefixStoreBytes: 0,
      drafts: "off",
    },
    logger: silentLogger,
  });
  await engine.start();
  return engine;
}

/** A question that the model answers at some length. */
export const STORY = {
  type: "chat" as const,
  messages: [{ role: "user" as const, content: "Tell me a short story about a fox and the sea." }],
};

export type Answer = { text: string; logprobs: SampledLogprob[]; reason: FinishReason | undefined; tokens: number };

/** A greedy request of a few tokens, with the given fields. */
export function greedyRequest(
  given: Partial<Omit<GenerationRequest, "sampling">> & { sampling?: Partial<GenerationRequest["sampling"]> } = {},
): GenerationRequest {
  const { sampling, ...rest } = given;
  const base = generationRequest({ maxTokens: 24, ...rest });
  return { ...base, sampling: { ...base.sampling, temperature: 0, ...sampling } };
}

/** A whole answer. `onText` is called with the text so far. */
export async function answer(
  engine: Engine,
  request: GenerationRequest,
  onText: (text: string) => void = () => {},
): Promise<Answer> {
  const whole: Answer = { text: "", logprobs: [], reason: undefined, tokens: 0 };
  for await (const event of engine.generate(request)) {
    if (event.type === "text") {
      whole.text += event.text;
      whole.logprobs.push(...(event.logprobs ?? []));
      onText(whole.text);
    } else if (event.type === "finished") {
      whole.reason = event.reason;
      whole.tokens = event.completionTokens ?? 0;
    }
  }
  return whole;
}
