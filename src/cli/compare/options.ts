import type { Flags } from "../../config/load.ts";
import { UsageError } from "../errors.ts";
import { CHUNK_TOKENS } from "./quality.ts";
import { readQuantizations } from "./quantizations.ts";
import { DEFAULT_WITHIN } from "./verdict.ts";

export type CompareOptions = {
  readonly contexts: readonly number[];
  readonly repeats: number;
  readonly tokens: number;
  /** A share of the perplexity. */
  readonly within: number;
  readonly quantizations: readonly string[];
  readonly text: string | undefined;
  readonly svg: string | undefined;
  readonly hasPresets: boolean;
};

const DEFAULT_CONTEXTS = [128, 512, 2048];
const MAX_CONTEXTS = 8;
const MAX_CONTEXT = 1_048_576;
const DEFAULT_REPEATS = 3;
const MAX_REPEATS = 100;
/** Half of them are scored. */
const DEFAULT_TOKENS = 4096;
const MAX_TOKENS = 1_048_576;

/** Reads the command's own flags. Throws a UsageError that names the flag. */
export function readOptions(flags: Flags): CompareOptions {
  const contexts = given(flags, "contexts")?.split(",");
  if (contexts !== undefined && contexts.length > MAX_CONTEXTS) {
    throw new UsageError(`--contexts: at most ${MAX_CONTEXTS} are measured.`);
  }
  return {
    contexts: contexts?.map((text) => readNumber("--contexts", text, 1, MAX_CONTEXT)) ?? DEFAULT_CONTEXTS,
    repeats: readNumber("--repeats", given(flags, "repeats"), 1, MAX_REPEATS, DEFAULT_REPEATS),
    tokens: readNumber("--tokens", given(flags, "tokens"), CHUNK_TOKENS, MAX_TOKENS, DEFAULT_TOKENS),
    within: readPercent(given(flags, "within")),
    quantizations: given(flags, "quantize") === undefined ? [] : readQuantizations(String(flags.quantize)),
    text: given(flags, "text"),
    svg: given(flags, "svg"),
    hasPresets: flags.presets === true,
  };
}

function given(flags: Flags, name: string): string | undefined {
  const value = flags[name];
  return typeof value === "string" ? value : undefined;
}

function readNumber(flag: string, text: string | undefined, least: number, most: number, otherwise?: number): number {
  if (text === undefined && otherwise !== undefined) return otherwise;
  const value = /^\s*\d+\s*$/.test(text ?? "") ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`${flag}: ${JSON.stringify(text)} is not allowed. Give whole numbers from ${least} to ${most}.`);
}

function readPercent(text: string | undefined): number {
  if (text === undefined) return DEFAULT_WITHIN;
  const value = Number(text.replace(/\s*%$/, "")) / 100;
  if (text.trim() !== "" && value >= 0 && value <= 1) return value;
  throw new UsageError(`--within: ${JSON.stringify(text)} is not allowed. Give a percentage such as 1 or 2.5%.`);
}
