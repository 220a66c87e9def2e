import { isDeepStrictEqual } from "node:util";
import { z } from "zod";

/** The results of a batch's lines, by their ids. */
export type Results = {
  readonly results: ReadonlyMap<string, unknown>;
  readonly answered: number;
  readonly failed: number;
  /** What is wrong with them if each of these lines must have one. */
  readonly faultsFor: (ids: readonly string[]) => readonly string[];
};

const result = z.object({
  custom_id: z.string(),
  error: z.null(),
  response: z.object({
    status_code: z.int(),
    body: z.union([
      z.object({ error: z.object({ code: z.string(), param: z.string() }) }),
      // What is the same whenever it is answered: not the id, the time, and what was evaluated before.
      z.object({
        choices: z.array(z.unknown()),
        usage: z.object({ prompt_tokens: z.int(), completion_tokens: z.int() }),
      }),
    ]),
  }),
});

/** Reads the output and the error file. Throws if a line is not whole. */
export function readResults(output: string, errors: string): Results {
  const [answered, failed] = [output, errors].map((text) => {
    const lines = text.split("\n");
    if (lines.pop() !== "") throw new Error("The last line of a file is not whole.");
    return lines.map((line) => result.parse(JSON.parse(line)));
  });
  const results = new Map<string, unknown>();
  const faults: string[] = [];
  for (const { custom_id, response } of [...(answered ?? []), ...(failed ?? [])]) {
    if (results.has(custom_id)) faults.push(`${custom_id} has two results`);
    results.set(custom_id, response);
  }
  return {
    results,
    answered: answered?.length ?? 0,
    failed: failed?.length ?? 0,
    faultsFor: (ids) => [
      ...faults,
      ...ids.filter((id) => !results.has(id)).map((id) => `${id} has no result`),
      ...(results.size > ids.length ? [`${results.size} results for ${ids.length} lines`] : []),
    ],
  };
}

/** Tells the lines whose results differ. */
export function tellDifferences(one: Results, other: Results): readonly string[] {
  return [...one.results]
    .filter(([id, result]) => other.results.has(id) && !isDeepStrictEqual(result, other.results.get(id)))
    .map(([id, result]) => `${id}: ${JSON.stringify(result)} became ${JSON.stringify(other.results.get(id))}`);
}
