import { z } from "zod";
import { OPERATOR_KEYS } from "../config/environment.ts";
import type { Flags } from "../config/load.ts";
import { type Confidence, confidenceOf, createConfidenceMeter } from "../generation/confidence.ts";
import { type EvaluationCase, findUnmet } from "../prompts/evaluation.ts";
import { type CliContext, EXIT } from "./context.ts";
import { CommandError } from "./errors.ts";
import { readTrials } from "./eval.ts";
import type { GatewayClient } from "./gateway-client.ts";
import { type Reached, reachGateway } from "./reach-gateway.ts";
import { watchForCommand } from "./run-preset.ts";
import { formatTable } from "./table.ts";
import { formatShare, wilson } from "./wilson.ts";

/** Rows of the table: more thresholds say little more. */
const MAX_ROWS = 12;

/** With fewer cases, intervals are so wide that a threshold can hardly be chosen. */
const FEW_CASES = 50;

const answerSchema = z.object({
  output: z.array(
    z.object({
      content: z
        .array(
          z.object({
            text: z.string().optional(),
            logprobs: z.array(z.object({ bytes: z.array(z.int()).nullish(), logprob: z.number() })).optional(),
          }),
        )
        .optional(),
    }),
  ),
  text: z.object({ format: z.object({ type: z.string() }) }),
  usage: z.object({ cost: z.number().optional() }),
});

/** What both models made of a case. */
export type Pair = {
  /** Of the small model's answer; undefined if it has no tokens that count. */
  readonly confidence: Confidence | undefined;
  readonly isSmallRight: boolean;
  readonly isLargeRight: boolean;
  readonly largeCost: number;
};

/** What a threshold would have come to. */
export type Point = {
  /** The least log-probability at which the small model's answer is used. */
  readonly threshold: number;
  readonly cases: number;
  /** How many would have been asked of the large model. */
  readonly asked: number;
  /** How many answers would have been right. */
  readonly right: number;
  /** In US dollars, at the large model. */
  readonly cost: number;
};

/**
 * `sluice route calibrate ROUTE [PRESET]`: runs the test cases of presets with both models of a cascade, and prints for each threshold how many
 * would be asked of the large one, and how many answers would be right. Throws a CommandError.
 */
export async function calibrate(
  name: string,
  preset: string | undefined,
  flags: Flags,
  context: CliContext,
  reach: (flags: Flags, context: CliContext, signal: AbortSignal) => Promise<Reached> = (own, place, signal) =>
    reachGateway(own, place, signal, { keyVariables: OPERATOR_KEYS }),
): Promise<number> {
  const interrupts = watchForCommand(context);
  try {
    await using gateway = await reach(flags, context, interrupts.signal);
    const { client, config } = gateway;
    const found = config.routes.find((route) => route.name.toLowerCase() === name.toLowerCase());
    const [small, large] = found?.targets ?? [];
    if (small === undefined || large === undefined) {
      const known = config.routes.map((route) => route.name).join(", ") || "none";
      throw new CommandError(`${name} is no route with two targets. Routes: ${known}.`);
    }
    const trials = await readTrials(config.promptsDir, context.cwd, preset);
    const pairs: Pair[] = [];
    const total = trials.reduce((sum, { cases }) => sum + cases.length, 0);
    for (const trial of trials) {
      for (const one of trial.cases) {
        const models = [small.model, large.model] as const;
        pairs.push(await runCase(trial.preset, one, models, found?.cascade?.decideAfter, client));
        // Both models of a case may take minutes.
        context.stderr.write(`${pairs.length} of ${total} cases: ${trial.preset}\n`);
      }
    }
    const curves = { mean: curveOf(pairs, "mean"), least: curveOf(pairs, "least") };
    context.stdout.write(
      flags.json === true ? `${JSON.stringify({ small, large, pairs, curves }, null, 2)}\n` : describe(pairs, curves),
    );
    return EXIT.done;
  } finally {
    interrupts.dispose();
  }
}

async function runCase(
  preset: string,
  { input, variables, expect }: EvaluationCase,
  [small, large]: readonly [string, string],
  decideAfter: number | undefined,
  { post }: Pick<GatewayClient, "post">,
): Promise<Pair> {
  async function ask(model: string, more: object = {}) {
    const body = { prompt: { id: preset, variables }, model, ...(input !== undefined && { input }), store: false };
    const { output, text, usage } = answerSchema.parse(await post("/v1/responses", { ...body, ...more }));
    const parts = output.flatMap(({ content = [] }) => content);
    const said = parts.map((part) => part.text ?? "").join("");
    return { isRight: findUnmet(expect, said).length === 0, parts, format: text.format.type, cost: usage.cost ?? 0 };
  }
  const ofSmall = await ask(small, { include: ["message.output_text.logprobs"] });
  const ofLarge = await ask(large);
  const meter = createConfidenceMeter(ofSmall.format !== "text");
  const tokens = ofSmall.parts.flatMap(({ logprobs = [] }) => logprobs).slice(0, decideAfter);
  meter.note(tokens.map(({ bytes, logprob }) => ({ bytes: bytes ?? [], logprob })));
  return {
    confidence: confidenceOf([meter]),
    isSmallRight: ofSmall.isRight,
    isLargeRight: ofLarge.isRight,
    largeCost: ofLarge.cost,
  };
}

/** What each threshold would have come to, from the one that never asks the large model to the one that always does. */
export function curveOf(pairs: readonly Pair[], by: keyof Confidence): readonly Point[] {
  const scoreOf = ({ confidence }: Pair) => confidence?.[by] ?? Number.NEGATIVE_INFINITY;
  const values = [...new Set(pairs.map(scoreOf))].filter(Number.isFinite).sort((a, b) => a - b);
  // Between two neighbours, so that rounding it changes nothing; the last is above all of them.
  const between = values.map((value, index) => {
    const before = values[index - 1] ?? value - 1;
    const middle = (value + before) / 2;
    return middle > before ? middle : value;
  });
  return [...between, Number.POSITIVE_INFINITY].map((threshold) => {
    const asked = pairs.filter((pair) => scoreOf(pair) < threshold);
    const kept = pairs.filter((pair) => scoreOf(pair) >= threshold);
    return {
      threshold,
      cases: pairs.length,
      asked: asked.length,
      right: asked.filter((pair) => pair.isLargeRight).length + kept.filter((pair) => pair.isSmallRight).length,
      cost: asked.reduce((sum, { largeCost }) => sum + largeCost, 0),
    };
  });
}

/** Of the thresholds with which the most answers are right, the one that asks the large model least. */
export function bestOf(curve: readonly Point[]): Point | undefined {
  const most = Math.max(...curve.map(({ right }) => right));
  return curve.find(({ right }) => right === most);
}

function describe(pairs: readonly Pair[], curves: Readonly<Record<keyof Confidence, readonly Point[]>>): string {
  const tables = (["least", "mean"] as const).map((by) => {
    const heading = [by.toUpperCase(), "ASKED", "RIGHT", "COST"];
    return formatTable([heading, ...thinned(curves[by]).map(toCells)], [0, 1, 2, 3]);
  });
  const best = bestOf(curves.least);
  const isOpen = best !== undefined && Number.isFinite(best.threshold);
  const few =
    pairs.length < FEW_CASES
      ? `Only ${pairs.length} cases: the intervals are wide, and the best of many thresholds looks better than it is.\n`
      : "";
  const advice = isOpen
    ? `Most answers are right with cascade: { least: ${best.threshold.toFixed(2)} }, in the route or in a preset.\n`
    : "";
  return `${tables.join("\n")}\n${few}${advice}`;
}

function toCells({ threshold, cases, asked, right, cost }: Point): string[] {
  const shown = Number.isFinite(threshold) ? threshold.toFixed(2) : "always";
  return [
    shown,
    formatShare(wilson(asked, cases)),
    formatShare(wilson(right, cases)),
    cost === 0 ? "" : cost.toFixed(6),
  ];
}

/** Some of the points, the first and the last among them. */
function thinned(curve: readonly Point[]): readonly Point[] {
  const step = Math.max(1, (curve.length - 1) / (MAX_ROWS - 1));
  const places = new Set(Array.from({ length: MAX_ROWS }, (_, index) => Math.round(index * step)));
  return curve.filter((_, index) => places.has(index));
}
