import type { Likely, Token } from "./message.ts";

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function bytesOf({ bytes, text }: Likely): readonly number[] | Uint8Array {
  return bytes ?? encoder.encode(text);
}

/** Joins tokens to the text that they are. Undefined if the text ends within a character, or isn't text. */
export function joinTokens(tokens: readonly Likely[]): string | undefined {
  const all = tokens.map(bytesOf);
  const joined = new Uint8Array(all.reduce((length, each) => length + each.length, 0));
  let at = 0;
  for (const bytes of all) {
    joined.set(bytes, at);
    at += bytes.length;
  }
  try {
    return strict.decode(joined);
  } catch {
    return undefined;
  }
}

/** A token that steers the model and is no text: it can't be said in a message. */
const CONTROL = /^<(?:\||｜|\/?s>|bos>|eos>|end_of_turn>|pad>|unk>)/;

/**
 * Returns the text of an answer up to a token, with another in that one's place. Undefined if that can't be written: the other token is a part
 * of a character, or ends the answer.
 * @param before what was there before the first token
 */
export function replaceToken(
  before: string,
  tokens: readonly Token[],
  index: number,
  other: Likely,
): string | undefined {
  if (other.text === "" || CONTROL.test(other.text)) return undefined;
  const joined = joinTokens([...tokens.slice(0, index), other]);
  return joined === undefined ? undefined : before + joined;
}

/** A logarithmic probability as a probability from 0 to 1. */
export function toProbability(logprob: number): number {
  return Math.min(1, Math.exp(logprob));
}
