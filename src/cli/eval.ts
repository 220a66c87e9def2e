import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Flags } from "../config/load.ts";
import { type EvaluationCase, parseEvaluation } from "../prompts/evaluation.ts";
import { presetFolder } from "../prompts/index.ts";
import { EVALUATION_ENDING, readBounded } from "../prompts/read-folder.ts";
import { type CliContext, EXIT } from "./context.ts";
import { CommandError, UsageError } from "./errors.ts";
import { evaluate, type Score } from "./evaluate.ts";
import { type Reached, reachGateway } from "./reach-gateway.ts";
import { watchForCommand } from "./run-preset.ts";
import { formatTable } from "./table.ts";

const HEADING = ["PRESET", "MODEL", "CASES", "ACCURACY", "TOKENS IN", "TOKENS OUT", "MEDIAN MS"];

/**
 * `sluice eval [NAME]`: runs the test cases of presets, and prints the results of each preset with each model. Returns 1 if one is below
 * `--min-accuracy`. Throws a CommandError, or a PresetError for an invalid file of cases.
 */
export async function evalPresets(
  name: string | undefined,
  flags: Flags,
  context: CliContext,
  reach: (flags: Flags, context: CliContext, signal: AbortSignal) => Promise<Reached> = reachGateway,
): Promise<number> {
  const minAccuracy = readShare(flags.minAccuracy);
  const interrupts = watchForCommand(context);
  try {
    await using gateway = await reach(flags, context, interrupts.signal);
    const { client, config, models } = gateway;
    const trials = await readTrials(config.promptsDir, context.cwd, name);
    const scores: Score[] = [];
    for (const { preset, cases } of trials) {
      for (const model of models.length === 0 ? [undefined] : models) {
        const score = await evaluate({ preset, model, cases }, client);
        scores.push(score);
        if (flags.failures === true) context.stderr.write(describeFailures(score));
      }
    }
    context.stdout.write(flags.json === true ? `${JSON.stringify(scores, null, 2)}\n` : formatScores(scores));
    return scores.some(({ accuracy }) => accuracy < minAccuracy) ? EXIT.failed : EXIT.done;
  } finally {
    interrupts.dispose();
  }
}

type NamedCases = { readonly preset: string; readonly cases: readonly EvaluationCase[] };

/** Reads the cases of a preset, or of all. Throws a CommandError if there are none, and a PresetError for an invalid file. */
export async function readTrials(shownFolder: string, cwd: string, name: string | undefined): Promise<NamedCases[]> {
  const folder = presetFolder(shownFolder, cwd);
  const files = (await readdir(folder)).filter((file) => file.endsWith(EVALUATION_ENDING)).sort();
  const all = files.map((file) => file.slice(0, -EVALUATION_ENDING.length));
  const wanted = name === undefined ? all : all.filter((preset) => preset === name);
  if (wanted.length === 0) {
    const there = all.length === 0 ? "There are none." : `There are: ${all.join(", ")}.`;
    throw new CommandError(`${join(shownFolder, `${name ?? "*"}${EVALUATION_ENDING}`)} is not there. ${there}`);
  }
  return Promise.all(
    wanted.map(async (preset) => {
      const file = `${preset}${EVALUATION_ENDING}`;
      const shownPath = join(shownFolder, file);
      const { text } = await readBounded(join(folder, file), shownPath);
      return { preset, cases: parseEvaluation(text, shownPath).cases };
    }),
  );
}

/** @throws CommandError if the value isn't a number from 0 to 1 */
function readShare(given: Flags[string]): number {
  if (given === undefined) return 0;
  const share = typeof given === "string" && given.trim() !== "" ? Number(given) : Number.NaN;
  if (share >= 0 && share <= 1) return share;
  throw new UsageError(`--min-accuracy: ${String(given)} is not allowed. Give a share from 0 to 1, such as 0.8.`);
}

function formatScores(scores: readonly Score[]): string {
  const rows = scores.map(({ preset, model, cases, accuracy, inputTokens, outputTokens, medianMs }) => [
    ...[preset, model, String(cases.length), `${Math.round(accuracy * 100)} %`],
    ...[inputTokens, outputTokens, Math.round(medianMs)].map(String),
  ]);
  return formatTable([HEADING, ...rows], [2, 3, 4, 5, 6]);
}

function describeFailures({ preset, model, cases }: Score): string {
  return cases
    .filter(({ unmet }) => unmet.length > 0)
    .map(
      ({ input, answer, unmet }) =>
        `${preset}, ${model}: ${JSON.stringify(input)}\n  answer: ${JSON.stringify(answer)}\n  not so: ${unmet.join("; ")}\n`,
    )
    .join("");
}
