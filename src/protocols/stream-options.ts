import { z } from "zod";
import { InvalidRequestError } from "./errors.ts";
import { boolean, isSet } from "./fields.ts";

/** The streaming fields of OpenAI's chat completions and completions. */
export const streamFields = {
  stream: boolean().nullish().describe("Whether to stream the answer as server-sent events."),
  stream_options: z
    .object(
      {
        include_usage: boolean().nullish().describe("Whether a last chunk reports the usage."),
        include_obfuscation: boolean().nullish().describe("Has no effect: streams are not padded."),
      },
      { error: "an object" },
    )
    .nullish()
    .describe("Options for streams; only with `stream`."),
};

const streamSchema = z.object(streamFields);
export type WireStreamOptions = z.infer<typeof streamSchema>;

export type StreamOptions = {
  readonly stream: boolean;
  /** Whether the client asked for a last chunk with the usage. */
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
