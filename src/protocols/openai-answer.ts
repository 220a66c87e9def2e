import { hash } from "node:crypto";
import { type Cost, encodeCost } from "../generation/cost.ts";
import type { WireError } from "./errors.ts";
import type { Tally, TokenCounts } from "./tally.ts";

type FingerprintedModel = { readonly id: string; readonly createdUnixSeconds: number };

/** Computed once per model, because hashing takes much of the time of a cached answer. */
const fingerprints = new WeakMap<FingerprintedModel, string>();

/** `fp_` and ten hexadecimal digits, always the same for one model, so that answers with the same seed can be compared. */
export function systemFingerprint(model: FingerprintedModel): string {
  const known = fingerprints.get(model);
  if (known !== undefined) return known;
  const digest = hash("sha256", `${model.id}\n${model.createdUnixSeconds}`, "hex");
  const fingerprint = `fp_${digest.slice(0, 10)}`;
  fingerprints.set(model, fingerprint);
  return fingerprint;
}

/** OpenAI's `usage` of completions and chat completions. */
export function encodeUsage(counts: TokenCounts, cost?: Cost) {
  return {
    prompt_tokens: counts.prompt,
    completion_tokens: counts.completion,
    total_tokens: counts.prompt + counts.completion,
    prompt_tokens_details: { cached_tokens: counts.cached, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: counts.reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
    ...encodeCost(cost),
  };
}

/**
 * The constant parts of a stream of chunks: `head` comes before and `tail` after a chunk's choices, `close` and `fail` end the stream.
 *
 * @param fields the fields that all chunks repeat
 */
export function createChunkFrame(fields: object, tally: Tally, includeUsage: boolean) {
  const head = `data: ${JSON.stringify(fields).slice(0, -1)},"choices":[`;
  return {
    head,
    tail: `]${includeUsage ? ',"usage":null' : ""}}\n\n`,
    close() {
      tally.assertComplete();
      const usage = includeUsage
        ? `${head}],"usage":${JSON.stringify(encodeUsage(tally.counts(), tally.cost()))}}\n\n`
        : "";
      return `${usage}data: [DONE]\n\n`;
    },
    fail: (error: WireError) => `data: ${JSON.stringify({ error })}\n\n`,
  };
}
