import { z } from "zod";
import type { Flags } from "../../config/load.ts";
import { UsageError } from "../errors.ts";
import { duration, readFlags, someName, wholeNumber } from "../pipe/flags.ts";

function numberFlag(name: string, most: number) {
  return { name, schema: wholeNumber(most).optional(), expected: `a whole number from 1 to ${most}` };
}

function timeFlag(name: string) {
  const schema = duration.pipe(z.number().max(3_600_000)).optional();
  return { name, schema, expected: "a time such as 500ms or 2s, of an hour at most" };
}

function priceFlag(name: string) {
  return { name, schema: decimal.optional(), expected: "US dollars for a million tokens, such as 1.5" };
}

const decimal = z
  .string()
  .regex(/^\d{1,9}(\.\d{1,9})?$/)
  .transform(Number);

/** The gateway's own bounds, so that what is wrong is told by the flag's name. */
const FLAGS = {
  model: { name: "--model", schema: someName.optional(), expected: "a model's id" },
  slots: numberFlag("--slots", 1_024),
  replicas: numberFlag("--replicas", 64),
  maxPending: numberFlag("--max-pending", 1_000_000),
  maxWaitMs: numberFlag("--max-wait-ms", 86_400_000),
  traffic: {
    name: "--traffic",
    schema: decimal.pipe(z.number().min(0.01).max(100)).optional(),
    expected: "a number from 0.01 to 100, such as 2",
  },
  spillAfter: timeFlag("--spill-after"),
  spillFirstToken: timeFlag("--spill-first-token"),
  spillPromptPrice: priceFlag("--spill-prompt-price"),
  spillAnswerPrice: priceFlag("--spill-answer-price"),
} as const;

/** The body of `POST /admin/what-if` for these flags. Throws a UsageError that names the wrong one. */
export function readQuestion(flags: Flags): object {
  const read = readFlags(FLAGS, flags);
  const { model, slots, replicas, maxPending, maxWaitMs, traffic } = read;
  const { spillAfter, spillFirstToken, spillPromptPrice, spillAnswerPrice } = read;
  if (spillAfter === undefined) {
    const given = [FLAGS.spillFirstToken, FLAGS.spillPromptPrice, FLAGS.spillAnswerPrice].find(
      (_, at) => [spillFirstToken, spillPromptPrice, spillAnswerPrice][at] !== undefined,
    );
    if (given !== undefined) throw new UsageError(`${given.name} has no effect without --spill-after. Add it.`);
  }
  const spill = {
    after_ms: spillAfter,
    first_token_ms: spillFirstToken,
    prompt_price: spillPromptPrice,
    completion_price: spillAnswerPrice,
  };
  // What is undefined isn't sent, and stays as it is.
  return {
    ...{ model, slots, replicas, traffic, max_pending: maxPending, max_wait_ms: maxWaitMs },
    ...(spillAfter !== undefined && { spill }),
  };
}
