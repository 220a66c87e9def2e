import { InvalidRequestError } from "../errors.ts";

/** How long a model is to stay loaded without requests. */
export type KeepAlive = {
  /** Undefined means for ever. */
  readonly ms: number | undefined;
};

const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ["ns", 1e-6],
  ["us", 1e-3],
  ["µs", 1e-3],
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

/** One number with its unit, as in Go's durations: `1h30m` has two. */
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/g;
const DURATION = /^[+-]?((\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h))+$/;

/** Longer times are as good as for ever, and too long for a timer. */
const MAX_MS = 24 * 24 * 3_600_000;

/**
 * Decodes `keep_alive`: seconds, or Go's form of a duration; what is below zero means for ever. Undefined if it is absent. Throws
 * `InvalidRequestError` for any other text.
 */
export function decodeKeepAlive(given: number | string | null | undefined): KeepAlive | undefined {
  if (given === undefined || given === null || given === "") return undefined;
  const ms = typeof given === "number" ? given * 1_000 : durationMs(given.trim());
  if (ms === undefined) {
    throw new InvalidRequestError(
      `Invalid value for 'keep_alive': ${JSON.stringify(given)}. Expected seconds, or a time such as "10m"; -1 keeps the model loaded, 0 unloads it.`,
      "keep_alive",
      "invalid_value",
    );
  }
  return { ms: ms < 0 || ms > MAX_MS ? undefined : ms };
}

function durationMs(text: string): number | undefined {
  if (/^[+-]?\d+(\.\d*)?$/.test(text)) return Number(text) * 1_000;
  if (!DURATION.test(text)) return undefined;
  let ms = 0;
  for (const [, number = "", unit = ""] of text.matchAll(PART)) ms += Number(number) * (UNITS_MS.get(unit) ?? 0);
  return text.startsWith("-") ? -ms : ms;
}
