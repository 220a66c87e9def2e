import { z } from "zod";
import type { Flags } from "../../config/load.ts";
import { OVERLOAD_POLICIES } from "../../items/overload.ts";
import { parseDuration } from "../../keys/duration.ts";
import { UsageError } from "../errors.ts";

/** A flag of a command, and what its user is told if its value is wrong. */
export type Flag<Schema extends z.ZodType = z.ZodType> = {
  readonly name: string;
  readonly schema: Schema;
  readonly expected: string;
};

type Values<All extends Readonly<Record<string, Flag>>> = {
  readonly [Name in keyof All]: z.output<All[Name]["schema"]>;
};

const MAX_IN_FLIGHT = 256;
const MAX_BUFFER = 1_000_000;

export function wholeNumber(most: number) {
  return z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(z.int().min(1).max(most));
}

export const duration = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: "custom" });
  return z.NEVER;
});

export const someName = z.string().min(1).max(1_024);

/** The flags that say how items are answered. */
export const ANSWERING = {
  preset: { name: "--preset", schema: someName, expected: "a preset's name" },
  json: { name: "--json", schema: z.boolean().default(false), expected: "nothing" },
  key: { name: "--key", schema: someName.optional(), expected: "a field's name" },
  inFlight: {
    name: "--in-flight",
    schema: wholeNumber(MAX_IN_FLIGHT),
    expected: `a whole number from 1 to ${MAX_IN_FLIGHT}`,
  },
  overload: { name: "--overload", schema: z.enum(OVERLOAD_POLICIES), expected: OVERLOAD_POLICIES.join(", ") },
  spill: { name: "--spill", schema: someName.optional(), expected: "a model, a route or preset/NAME" },
  buffer: { name: "--buffer", schema: wholeNumber(MAX_BUFFER), expected: `a whole number from 1 to ${MAX_BUFFER}` },
  class: {
    name: "--class",
    schema: z.enum(["interactive", "default", "batch"]),
    expected: "interactive, default or batch",
  },
} as const;

export type AnsweringFlags = Values<typeof ANSWERING>;

/** Reads flags. Throws a CommandError that names the wrong one. */
export function readFlags<const All extends Readonly<Record<string, Flag>>>(all: All, flags: Flags): Values<All> {
  const values = Object.entries(all).map(([key, { name, schema, expected }]) => {
    const { success, data } = schema.safeParse(flags[key]);
    if (!success) {
      const given = flags[key] === undefined ? "nothing" : String(flags[key]);
      throw new UsageError(`${name}: ${given} is not allowed. Give ${expected}.`);
    }
    return [key, data] as const;
  });
  return Object.fromEntries(values) as Values<All>;
}

/** Throws a UsageError for flags that don't go together. */
export function checkAnswering({ overload, key, spill }: Pick<AnsweringFlags, "overload" | "key" | "spill">): void {
  if (overload === "latest" && key === undefined) {
    throw new UsageError("--overload latest needs --key: the field of which only the latest is kept.");
  }
  if (overload === "spill" && spill === undefined) {
    throw new UsageError(
      "--overload spill needs --spill: the model, route or preset/NAME that answers what doesn't fit.",
    );
  }
  if (overload !== "spill" && spill !== undefined) {
    throw new UsageError("--spill has no effect without --overload spill. Add it, or leave --spill out.");
  }
}
