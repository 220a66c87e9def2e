import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { valuesSchema } from "./schema.ts";
import { type Fault, parseFile, parseYaml } from "./yaml.ts";

const MAX_CASES = 10_000;

const text = z.string().max(100_000);

/** Conditions on an answer. All given ones must hold. White space around the answer is ignored. */
const expectationSchema = z
  .strictObject({
    equals: text.optional(),
    oneOf: z.array(text).min(1).max(100).optional(),
    /** Texts that the answer contains, in upper or lower case. */
    contains: z.union([text, z.array(text).min(1).max(100)]).optional(),
    /** An ECMAScript regular expression that matches a part of the answer. */
    matches: z.string().max(1_000).optional(),
    /** The values of an answer in JSON, by path (`a.b.0`). */
    json: z.record(z.string(), z.unknown()).optional(),
    validJson: z.literal(true).optional(),
    maxLength: z.int().min(1).optional(),
  })
  .refine((expectation) => Object.keys(expectation).length > 0, "must have at least one condition");

const evaluationSchema = z.strictObject({
  cases: z
    .array(z.strictObject({ input: text.optional(), variables: valuesSchema.default({}), expect: expectationSchema }))
    .min(1)
    .max(MAX_CASES),
});

/** Test cases for a preset. */
export type Evaluation = Readonly<z.infer<typeof evaluationSchema>>;
export type EvaluationCase = Evaluation["cases"][number];
export type Expectation = EvaluationCase["expect"];

/** Parses the text of an evaluation file; `path` is for messages. Throws `PresetError` with every problem and its position. */
export function parseEvaluation(source: string, path: string): Evaluation {
  const file = parseYaml(source, path);
  const evaluation = parseFile(evaluationSchema, file);
  const faults = evaluation.cases.flatMap(({ expect: { matches } }, index): Fault[] => {
    const message = matches === undefined ? undefined : findPatternFault(matches);
    return message === undefined ? [] : [{ path: ["cases", index, "expect", "matches"], message }];
  });
  if (faults.length > 0) throw file.toError(faults);
  return evaluation;
}

/** Describes the conditions of `expectation` that `answer` doesn't meet. */
export function findUnmet(expectation: Expectation, answer: string): readonly string[] {
  const said = answer.trim();
  const { equals, oneOf, contains, matches, json, validJson, maxLength } = expectation;
  const value = json !== undefined || validJson ? parseJson(said) : undefined;
  const checks: readonly (readonly [boolean, string])[] = [
    [equals === undefined || said === equals.trim(), `equals ${JSON.stringify(equals)}`],
    [oneOf === undefined || oneOf.includes(said), `is one of ${JSON.stringify(oneOf)}`],
    ...[contains ?? []]
      .flat()
      .map((part) => [said.toLowerCase().includes(part.toLowerCase()), `contains ${JSON.stringify(part)}`] as const),
    [matches === undefined || new RegExp(matches, "u").test(said), `matches ${matches}`],
    [!validJson || value !== undefined, "is valid JSON"],
    ...Object.entries(json ?? {}).map(
      ([path, wanted]) =>
        [isDeepStrictEqual(valueAt(value?.json, path), wanted), `has ${JSON.stringify(wanted)} at ${path}`] as const,
    ),
    [maxLength === undefined || said.length <= maxLength, `has at most ${maxLength} characters`],
  ];
  return checks.flatMap(([holds, words]) => (holds ? [] : [words]));
}

function findPatternFault(pattern: string): string | undefined {
  try {
    new RegExp(pattern, "u");
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function parseJson(said: string): { readonly json: unknown } | undefined {
  try {
    return { json: JSON.parse(said) };
  } catch {
    return undefined;
  }
}

function valueAt(value: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((inner, key) => (hasKey(inner, key) ? inner[key] : undefined), value);
}

function hasKey(value: unknown, key: string): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key);
}
