import { z } from "zod";

/** The data of one read from the socket, and its time. */
export type TimedBytes = { readonly atMs: number; readonly bytes: Uint8Array };

/** Text that reached the client, with the time of the read that brought its last byte. */
type Arrival = { readonly atMs: number; readonly text: string };

type Usage = {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens: number;
};

export type ParsedStream = {
  /** One for each read that completed any text. Several tokens may have come in one. */
  readonly arrivals: readonly Arrival[];
  readonly usage: Usage | undefined;
  readonly finishReason: string | undefined;
  /** Whether the stream came to its `[DONE]`. */
  readonly done: boolean;
};

const chunkSchema = z.object({
  choices: z.array(
    z.object({
      delta: z.object({ content: z.string().nullish() }).optional(),
      /** Of a completion. */
      text: z.string().nullish(),
      finish_reason: z.string().nullish(),
    }),
  ),
  usage: z
    .object({
      prompt_tokens: z.number(),
      completion_tokens: z.number(),
      prompt_tokens_details: z.object({ cached_tokens: z.number().nullish() }).nullish(),
    })
    .nullish(),
});

/**
 * Reads a recorded stream of chat completion chunks. It is read after the stream has ended, so that parsing costs no time while
 * others are measured. Throws an Error with the server's message where the stream has an error in it.
 */
export function parseStream(reads: readonly TimedBytes[]): ParsedStream {
  const decoder = new TextDecoder();
  const arrivals: Arrival[] = [];
  let usage: Usage | undefined;
  let finishReason: string | undefined;
  let done = false;
  let pending = "";

  for (const { atMs, bytes } of reads) {
    pending += decoder.decode(bytes, { stream: true });
    const frames = pending.split(/\r?\n\r?\n/);
    pending = frames.pop() ?? "";
    let text = "";
    for (const data of frames.flatMap(dataOf)) {
      if (data === "[DONE]") {
        done = true;
        continue;
      }
      const chunk = parseChunk(data);
      text += chunk.choices.map((choice) => choice.delta?.content ?? choice.text ?? "").join("");
      finishReason = chunk.choices[0]?.finish_reason ?? finishReason;
      if (chunk.usage) {
        usage = {
          promptTokens: chunk.usage.prompt_tokens,
          completionTokens: chunk.usage.completion_tokens,
          cachedTokens: chunk.usage.prompt_tokens_details?.cached_tokens ?? 0,
        };
      }
    }
    if (text !== "") arrivals.push({ atMs, text });
  }
  return { arrivals, usage, finishReason, done };
}

/** A frame's data; a comment such as a keep-alive ping has none. */
function dataOf(frame: string): readonly string[] {
  const lines = frame.split(/\r?\n/).filter((line) => line.startsWith("data:"));
  return lines.length === 0 ? [] : [lines.map((line) => line.slice("data:".length).trimStart()).join("\n")];
}

function parseChunk(data: string): z.infer<typeof chunkSchema> {
  const value: unknown = JSON.parse(data);
  if (typeof value === "object" && value !== null && "error" in value) {
    throw new Error(`the server ended the stream with an error: ${JSON.stringify(value.error)}`);
  }
  return chunkSchema.parse(value);
}
