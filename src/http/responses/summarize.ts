import type { GenerationEvent } from "../../generation/event.ts";
import type { Generate } from "../../generation/layer.ts";
import type { GenerationRequest, Prompt } from "../../generation/request.ts";
import { InvalidRequestError } from "../../protocols/errors.ts";

export type SummarizeOptions = {
  readonly generate: Generate;
  readonly countTokens: (prompt: Prompt) => Promise<number>;
  /** The size of the model's context. */
  readonly contextTokens: number;
  /** Makes the prompt for a summary of `text`. `soFar` is the summary of the text before it, or empty. */
  readonly ask: (soFar: string, text: string) => Prompt;
};

/** The maximum share of the context for a summary, and its maximum number of tokens. */
const SUMMARY_SHARE = 1 / 4;
const MAX_SUMMARY_TOKENS = 1_024;
/** The maximum number of generations for one summary, for text of the usual density. */
const MAX_ROUNDS = 32;
const USUAL_CHARACTERS_PER_TOKEN = 4;
/** Hardly any text has more, so longer texts are refused without counting their tokens. */
export const MOST_CHARACTERS_PER_TOKEN = 16;
/** In characters. If not even this fits beside the rest of the prompt, nothing will. */
const SMALLEST_PIECE = 256;

/** Returns the maximum number of tokens of a summary. */
function summaryTokens(contextTokens: number): number {
  return Math.max(1, Math.min(MAX_SUMMARY_TOKENS, Math.floor(contextTokens * SUMMARY_SHARE)));
}

/**
 * Summarizes `text`. If it doesn't fit into the context it is split, and each piece is summarized together with the summary of those before
 * it. Yields the events of all generations; the text after the last `started` is the summary.
 *
 * Throws `InvalidRequestError` if the text needs too many generations, or if the rest of the prompt leaves no room for it.
 */
export function summarize(text: string, { generate, countTokens, contextTokens, ask }: SummarizeOptions): Generate {
  const maxTokens = summaryTokens(contextTokens);
  const room = contextTokens - maxTokens;

  async function* fold(
    request: GenerationRequest,
    soFar: string,
    piece: string,
  ): AsyncGenerator<GenerationEvent, string> {
    const prompt = ask(soFar, piece);
    const fits = piece.length <= room * MOST_CHARACTERS_PER_TOKEN && (await countTokens(prompt)) <= room;
    if (!fits) {
      if (piece.length <= SMALLEST_PIECE) throw noRoom(contextTokens);
      const middle = middleOf(piece);
      const summary = yield* fold(request, soFar, piece.slice(0, middle));
      return yield* fold(request, summary, piece.slice(middle));
    }
    let summary = "";
    for await (const event of generate({ ...request, prompt, maxTokens })) {
      if (event.type === "text") summary += event.text;
      yield event;
    }
    return summary.trim();
  }

  const longest = MAX_ROUNDS * room * USUAL_CHARACTERS_PER_TOKEN;
  return async function* run(request) {
    if (text.length > longest) {
      throw new InvalidRequestError(
        `This model's maximum context length is ${contextTokens} tokens. However, this conversation has ${text.length} characters, and ${longest} can be ` +
          "compacted at once. Compact its older part first, or start Sluice with a larger --context.",
        "input",
        "context_length_exceeded",
      );
    }
    yield* fold(request, "", text);
  };
}

function noRoom(contextTokens: number): InvalidRequestError {
  return new InvalidRequestError(
    `This model's maximum context length is ${contextTokens} tokens, and the instructions leave no room in it for the conversation. ` +
      "Shorten the instructions, or start Sluice with a larger --context.",
    "instructions",
    "context_length_exceeded",
  );
}

/** Returns a position near the middle of a text: the end of a line if one is near, and never within a character. */
function middleOf(text: string): number {
  const middle = Math.floor(text.length / 2);
  const line = text.lastIndexOf("\n", middle - 1) + 1;
  if (line > middle / 2) return line;
  return /[\uDC00-\uDFFF]/.test(text.charAt(middle)) ? middle + 1 : middle;
}
