import type { InputMessage } from "../../protocols/responses/items.ts";
import { joinInput } from "../../protocols/responses/to-messages.ts";
import { MOST_CHARACTERS_PER_TOKEN } from "./summarize.ts";

/** The approximate number of tokens that a template adds to a message. */
const TOKENS_AROUND = 4;

/** Keeps the instructions, and the newest messages of users that fit into `budget` tokens; in order. */
export async function keepNewest(
  messages: readonly InputMessage[],
  budget: number,
  tokenize: (text: string) => Promise<readonly number[]>,
): Promise<readonly InputMessage[]> {
  const kept: InputMessage[] = [];
  let left = budget;
  for (const message of messages.toReversed()) {
    if (message.role !== "user") {
      kept.push(message);
    } else if (left > 0) {
      left -= await countMessage(message, left, tokenize);
      if (left >= 0) kept.push(message);
    }
  }
  return kept.reverse();
}

async function countMessage(
  { content }: InputMessage,
  left: number,
  tokenize: (text: string) => Promise<readonly number[]>,
): Promise<number> {
  const whole = joinInput(content).content;
  if (whole.length > left * MOST_CHARACTERS_PER_TOKEN) return Number.POSITIVE_INFINITY;
  const tokens = await tokenize(whole);
  return tokens.length + TOKENS_AROUND;
}
