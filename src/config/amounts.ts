import { z } from "zod";

const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);
const UNITS_BYTES: ReadonlyMap<string, number> = new Map([
  ["mb", 1e6],
  ["gb", 1e9],
  ["tb", 1e12],
  ["mib", 1024 ** 2],
  ["gib", 1024 ** 3],
  ["tib", 1024 ** 4],
]);

const TIME = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/;
const SIZE = /^(\d{1,9}(?:\.\d{1,3})?) ?([MGT]i?B)$/i;

/** Less than any model takes. */
const LEAST_MEMORY_BYTES = 64 * 1024 ** 2;

/** How long a model stays loaded without requests. */
export const keepLoadedSchema = z.union([
  z.enum(["auto", "always"]),
  z.literal(0),
  z
    .string()
    .refine((text) => text === "0" || TIME.test(text))
    .describe("a time with its unit, such as 30s, 10m or 2h"),
]);

/** The memory that models may take together. */
export const memorySchema = z.union([
  z.literal("auto"),
  z
    .string()
    .refine((text) => (readSize(text) ?? 0) >= LEAST_MEMORY_BYTES)
    .describe("a size of 64MiB or more with its unit, such as 6GiB or 800MB"),
]);

/** In ms; undefined for `always`, and `fallbackMs` for `auto`. @param value that the schema has checked */
export function keepLoadedMs(
  value: z.infer<typeof keepLoadedSchema>,
  fallbackMs: number | undefined,
): number | undefined {
  if (value === "auto") return fallbackMs;
  if (value === "always") return undefined;
  const [, digits = "0", unit = "ms"] = TIME.exec(String(value)) ?? [];
  return Number(digits) * (UNITS_MS.get(unit) ?? 0);
}

/** In bytes; undefined for any other text than a size. */
export function readSize(text: string): number | undefined {
  const [, digits, unit = ""] = SIZE.exec(text.trim()) ?? [];
  return digits === undefined ? undefined : Math.round(Number(digits) * (UNITS_BYTES.get(unit.toLowerCase()) ?? 0));
}
