import type { GenerationEvent } from "../../generation/event.ts";
import type { Generate } from "../../generation/layer.ts";
import type { GenerationRequest, Prompt } from "../../generation/request.ts";
import { InvalidRequestError } from "../../protocols/errors.ts";

export type SummarizeOptions = {
  readonly generate: Generate;
  readonly countTokens: (prompt: Prompt) => Promise<number>;
  /** Tokens of the model's context. */
  readonly contextTokens: number;
  /** What to say to the model for a summary of `text`, where `soFar` is the summary of all before it, or nothing. */
  readonly ask: (soFar: string, text: string) => Prompt;
};

/** A summary takes so much of the context at most, and never more tokens than this. */
const SUMMARY_SHARE = 1 / 4;
const MAX_SUMMARY_TOKENS = 1_024;
/** Generations that one summary may take, for text of the usual density. */
const MAX_ROUNDS = 32;
const USUAL_CHARACTERS_PER_TOKEN = 4;
/** Hardly any text has more; so what is longer need not be counted to be known to be too long. */
export const MOST_CHARACTERS_PER_TOKEN = 16;
/** Where not even this much fits beside the rest of the prompt, nothing will. */
const SMALLEST_PIECE = 256;

/** The tokens that a summary has at most in such a context. */
function summaryTokens(contextTokens: number): number {
  return Math.max(1, Math.min(MAX_SUMMARY_TOKENS, Math.floor(contextTokens * SUMMARY_SHARE)));
}

/**
 * Summarizes `text` with as many generations as it takes: where it doesn't fit into the context, piece by piece, each with the summary of
 * those before it. The events are those of all of them; the text after the last `started` is the summary.
 *
 * Throws `InvalidRequestError` for a text that would take too many, or where the rest of the prompt leaves no room for any.
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

/** About the middle of a text: at the end of a line where one is near, and never within a character. */
function middleOf(text: string): number {
  const middle = Math.floor(text.length / 2);
  const line = text.lastIndexOf("\n", middle - 1) + 1;
  if (line > middle / 2) return line;
  return /[\uDC00-\uDFFF]/.test(text.charAt(middle)) ? middle + 1 : middle;
}
