import { z } from "zod";
import { InvalidRequestError } from "./errors.ts";
import { boolean, isSet } from "./fields.ts";

/** The fields that say how an answer of OpenAI's chat completions and completions is to come. */
export const streamFields = {
  stream: boolean().nullish().describe("Whether the answer comes piece by piece, as server-sent events."),
  stream_options: z
    .object(
      {
        include_usage: boolean().nullish().describe("Whether a last chunk tells how many tokens were used."),
        include_obfuscation: boolean().nullish().describe("Changes nothing: streams are not padded."),
      },
      { error: "an object" },
    )
    .nullish()
    .describe("What a stream has besides its text; only with `stream`."),
};

const streamSchema = z.object(streamFields);
export type WireStreamOptions = z.infer<typeof streamSchema>;

export type StreamOptions = {
  readonly stream: boolean;
  /** Whether a last chunk with the usage was asked for. */
  readonly includeUsage: boolean;
};

/** Throws `InvalidRequestError` for options without a stream. */
export function decodeStreamOptions({ stream, stream_options: options }: WireStreamOptions): StreamOptions {
  if (isSet(options) && stream !== true) {
    throw new InvalidRequestError(
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
      "stream_options",
      null,
    );
  }
  return { stream: stream ?? false, includeUsage: options?.include_usage ?? false };
}
