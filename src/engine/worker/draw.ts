import type { TokenScores } from "../contract/native.ts";
import type { Work } from "./plan.ts";
import { nextReplayedToken } from "./sequence.ts";

/** What comes after the evaluated tokens. */
export type Drawn = {
  /** Undefined where no token may follow. */
  readonly token: number | undefined;
  /** It is known from before a crash, and was only scored. */
  readonly replayed: boolean;
  readonly scores: TokenScores | undefined;
};

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
