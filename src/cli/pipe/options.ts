import { z } from "zod";
import type { Flags } from "../../config/load.ts";
import { UsageError } from "../errors.ts";
import { ANSWERING, checkAnswering, duration, readFlags, wholeNumber } from "./flags.ts";

const MAX_COUNT = 100_000;

const FLAGS = {
  ...ANSWERING,
  output: { name: "--output", schema: z.enum(["text", "jsonl"]), expected: "text or jsonl" },
  unordered: { name: "--unordered", schema: z.boolean().default(false), expected: "nothing" },
  windowCount: {
    name: "--window-count",
    schema: wholeNumber(MAX_COUNT).optional(),
    expected: `a whole number from 1 to ${MAX_COUNT}`,
  },
  windowTime: { name: "--window-time", schema: duration.optional(), expected: "a time such as 500ms, 5s or 1m" },
} as const;

export type PipeOptions = ReturnType<typeof readPipeOptions>;

/** Reads the flags of `sluice pipe`. Throws a CommandError that names the wrong one. */
export function readPipeOptions(flags: Flags) {
  const options = readFlags(FLAGS, flags);
  checkAnswering(options);
  if (options.json && (options.windowCount !== undefined || options.windowTime !== undefined)) {
    throw new UsageError("--json can't be used with a window: its lines are one text. Leave one of them out.");
  }
  if (options.overload === "spill" && !options.unordered) {
    throw new UsageError("--overload spill needs --unordered: two targets answer, each at its own pace.");
  }
  const isWindowed = options.windowCount !== undefined || options.windowTime !== undefined;
  if (options.key !== undefined && !options.json && !isWindowed && options.overload !== "latest") {
    throw new UsageError(
      "--key has no effect by itself. Add --json, --window-count, --window-time or --overload latest, or leave --key out.",
    );
  }
  return options;
}
