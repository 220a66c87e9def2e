import type { TokenScores } from "../contract/native.ts";
import type { Slot } from "./placement.ts";
import { nextReplayedToken, type Sequence } from "./sequence.ts";

/** The share of one sequence in one native call. */
export type Work = {
  readonly sequence: Sequence;
  readonly slot: Slot;
  readonly tokens: readonly number[];
  readonly wantLogits: boolean;
  /** Whether the tokens that follow each of these in the prompt are scored. */
  readonly isScored?: boolean;
};

/** What comes after the evaluated tokens. */
export type Drawn = {
  /** Undefined where no token may follow. */
  readonly token: number | undefined;
  /** It is known from before a crash, and was only scored. */
  readonly replayed: boolean;
  readonly scores: TokenScores | undefined;
};

/**
 * Whether the logits after the evaluated tokens are of use. Tokens from before a crash need no draw, but their scores may not have
 * reached the client when it came; and where they were evaluated with the prompt, all of them are past.
 */
export function wantsLogits(sequence: Sequence): boolean {
  const { request, prompt, prefill } = sequence;
  if (request.maxTokens === 0) return false;
  const replayed = prefill.length === prompt.length + request.replay.length;
  return replayed || request.logprobs !== undefined || nextReplayedToken(sequence) === undefined;
}

/** The next token of every sequence that is past its prompt, in ascending slot order: llama.cpp merges only ascending ones. */
export function decodesOf(sequences: Iterable<Sequence>): Work[] {
  const work: Work[] = [];
  for (const sequence of sequences) {
    const { request, slot, prompt, prefill, output } = sequence;
    if (slot === undefined || slot.tokens.length < prefill.length) continue;
    const token = output[slot.tokens.length - prompt.length];
    if (token === undefined) throw new Error(`sequence ${request.id} has no token at ${slot.tokens.length}`);
    work.push({ sequence, slot, tokens: [token], wantLogits: wantsLogits(sequence) });
  }
  return work.sort((a, b) => a.slot.index - b.slot.index);
}

/** Draws the next token from what the call in progress leaves. Undefined where it is known from before a crash, or too early. */
export async function drawAfter({ sequence, wantLogits }: Work, logitIndex: number): Promise<Drawn | undefined> {
  const { request, output, sampler, scorer } = sequence;
  if (!wantLogits || sampler === undefined) return undefined;
  if (scorer === undefined) {
    const history = output.length < request.replay.length ? request.replay : output;
    return { token: await sampler.sample(logitIndex, history), replayed: false, scores: undefined };
  }
  const known = nextReplayedToken(sequence);
  const drawn = known === undefined ? sampler.sample(logitIndex, output) : Promise.resolve(known);
  const [token, scores] = await Promise.all([drawn, scorer.score(logitIndex, drawn)]);
  return { token, replayed: known !== undefined, scores };
}
