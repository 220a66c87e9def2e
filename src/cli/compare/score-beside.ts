import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Measured } from "../../engine/host/measure.ts";
import { type Scored, scoreText } from "./quality.ts";
import type { Variant } from "./quantizations.ts";
import type { Steps } from "./show-steps.ts";

/** A model under the name that is shown. */
export type Subject = Variant & { readonly id: string };

export const NOT_SCORED: Scored = { blocks: [], tokens: 0, isCompared: false };

type ScoreOptions = {
  readonly load: (subject: Subject) => Promise<Measured>;
  /** Whether these have room in the memory together. */
  readonly fits: (group: readonly Subject[]) => boolean;
  readonly text: string;
  readonly maxTokens: number;
  readonly steps: Steps;
};

/**
 * Scores models beside the reference: all at once if they fit into the memory, else one by one, and those that don't fit beside it alone. Leaves no file
 * behind.
 */
export async function scoreBeside(
  reference: Subject,
  others: readonly Subject[],
  options: ScoreOptions,
): Promise<ReadonlyMap<Subject, Scored>> {
  const { fits } = options;
  const results = new Map<Subject, Scored>();
  const groups = fits([reference, ...others]) ? [others] : others.map((other) => [other]);
  const beside = groups.filter((group) => fits([reference, ...group]));
  const alone = groups.filter((group) => !beside.includes(group)).flat();
  const folder = await mkdtemp(join(tmpdir(), "sluice-compare-"));
  try {
    for (const group of beside.length === 0 ? [[]] : beside) {
      const together = [reference, ...group];
      const scores = await scoreTogether(together, folder, options);
      for (const [index, subject] of together.entries()) results.set(subject, scores[index] ?? NOT_SCORED);
    }
    for (const subject of alone) {
      const [score = NOT_SCORED] = await scoreTogether([subject], folder, options);
      results.set(subject, { ...score, isCompared: false, isAlone: true });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return results;
}

async function scoreTogether(
  group: readonly Subject[],
  folder: string,
  { load, text, maxTokens, steps }: ScoreOptions,
): Promise<readonly Scored[]> {
  const names = group.map(({ id }) => id).join(", ");
  steps.begin(`${names}: how well ${group.length > 1 ? "they predict" : "it predicts"} the text`);
  await using stack = new AsyncDisposableStack();
  const measured: Measured[] = [];
  for (const subject of group) measured.push(stack.use(await load(subject)));
  const [first, ...rest] = measured;
  if (first === undefined) return [];
  return await scoreText(first, rest, text, {
    ...{ folder, maxTokens },
    onChunk: (done, all) => steps.update(`${names}: chunk ${done} of ${all}`),
  });
}
