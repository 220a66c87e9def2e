import { z } from "zod";
import { type EvaluationCase, findUnmet } from "../prompts/evaluation.ts";
import type { GatewayClient } from "./gateway-client.ts";

const answerSchema = z.object({
  model: z.string(),
  output: z.array(
    z.object({
      type: z.string(),
      content: z.array(z.object({ type: z.string(), text: z.string().optional() })).optional(),
    }),
  ),
  usage: z.object({ input_tokens: z.number(), output_tokens: z.number() }),
});

/** The result of one case. */
type CaseResult = {
  readonly input: string;
  readonly answer: string;
  /** The expectations that the answer does not meet; empty if it passed. */
  readonly unmet: readonly string[];
  readonly ms: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
};

/** The results of a preset with a model. */
export type Score = {
  readonly preset: string;
  readonly model: string;
  readonly cases: readonly CaseResult[];
  /** The share of cases that passed, 0 to 1. */
  readonly accuracy: number;
  readonly medianMs: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
};

export type Trial = {
  readonly preset: string;
  /** Undefined means the preset's own model. */
  readonly model: string | undefined;
  readonly cases: readonly EvaluationCase[];
};

/** Runs all cases one after the other, so that they don't affect each other's times. `now` is a clock in ms. */
export async function evaluate(
  { preset, model, cases }: Trial,
  { post }: Pick<GatewayClient, "post">,
  now: () => number = () => performance.now(),
): Promise<Score> {
  const results: CaseResult[] = [];
  let answeredBy = model ?? "";
  for (const { input, variables, expect } of cases) {
    const begunMs = now();
    const answer = answerSchema.parse(
      await post("/v1/responses", {
        prompt: { id: preset, variables },
        ...(model !== undefined && { model }),
        ...(input !== undefined && { input }),
        store: false,
      }),
    );
    answeredBy = answer.model;
    const said = answer.output.flatMap(({ content = [] }) => content.map((part) => part.text ?? "")).join("");
    results.push({
      input: input ?? JSON.stringify(variables),
      answer: said,
      unmet: findUnmet(expect, said),
      ms: now() - begunMs,
      inputTokens: answer.usage.input_tokens,
      outputTokens: answer.usage.output_tokens,
    });
  }
  return {
    preset,
    model: answeredBy,
    cases: results,
    accuracy: results.filter(({ unmet }) => unmet.length === 0).length / results.length,
    medianMs: median(results.map(({ ms }) => ms)),
    inputTokens: sum(results.map((result) => result.inputTokens)),
    outputTokens: sum(results.map((result) => result.outputTokens)),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
