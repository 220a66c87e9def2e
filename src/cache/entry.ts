import type { FinishReason, GenerationEvent, SampledLogprob, TokenLogprob } from "../generation/event.ts";

/** An event, and how long after the one before it came. */
export type TimedEvent = { readonly event: GenerationEvent; readonly afterMs: number };

/** A token, its bytes as a text of one character each, and its log-probability: null is that of what can't be. */
type PackedToken = readonly [token: number, bytes: string, logprob: number | null];
type PackedLogprob = readonly [...PackedToken, top: readonly PackedToken[]];

/** Events as short lists, each with its time in second place. */
type Packed =
  | readonly ["s", number, promptTokens: number]
  | readonly ["t", number, choice: number, text: string, logprobs?: readonly PackedLogprob[]]
  | readonly ["r", number, choice: number, text: string]
  | readonly ["c", number, choice: number, index: number, id: string, name: string]
  | readonly ["a", number, choice: number, index: number, text: string]
  | readonly [
      "f",
      number,
      choice: number,
      reason: FinishReason,
      completionTokens: number,
      reasoningTokens: number | null,
      stopString: string | null,
    ];

/** A whole answer in as few bytes as go without compressing: a list of short lists, in JSON. */
export function packAnswer(events: readonly TimedEvent[]): Buffer {
  const text = JSON.stringify(events.map(pack));
  // Memory of its own: small slices of the shared pool would keep all of it alive.
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
}

/** The events of a packed answer, as they are for a request that comes later and takes nothing. */
export function unpackAnswer(bytes: Buffer): TimedEvent[] {
  // Only `packAnswer` writes what is read here.
  const packed: readonly Packed[] = JSON.parse(bytes.toString());
  return packed.map((each) => ({ event: unpack(each), afterMs: each[1] }));
}

function pack({ event, afterMs }: TimedEvent): Packed {
  const ms = Math.round(afterMs);
  switch (event.type) {
    case "started":
      return ["s", ms, event.promptTokens];
    case "text": {
      const { choice, text, logprobs } = event;
      return logprobs === undefined ? ["t", ms, choice, text] : ["t", ms, choice, text, logprobs.map(packLogprob)];
    }
    case "reasoning":
      return ["r", ms, event.choice, event.text];
    case "toolCall":
      return ["c", ms, event.choice, event.index, event.id, event.name];
    case "toolArguments":
      return ["a", ms, event.choice, event.index, event.text];
    case "finished": {
      const { choice, reason, completionTokens, reasoningTokens = null, stopString = null } = event;
      return ["f", ms, choice, reason, completionTokens, reasoningTokens, stopString];
    }
  }
}

function unpack(packed: Packed): GenerationEvent {
  switch (packed[0]) {
    case "s":
      return { type: "started", promptTokens: packed[2], cachedTokens: packed[2], isReplay: true };
    case "t": {
      const [, , choice, text, logprobs] = packed;
      return { type: "text", choice, text, ...(logprobs && { logprobs: logprobs.map(unpackLogprob) }) };
    }
    case "r":
      return { type: "reasoning", choice: packed[2], text: packed[3] };
    case "c":
      return { type: "toolCall", choice: packed[2], index: packed[3], id: packed[4], name: packed[5] };
    case "a":
      return { type: "toolArguments", choice: packed[2], index: packed[3], text: packed[4] };
    case "f": {
      const [, , choice, reason, completionTokens, reasoningTokens, stopString] = packed;
      return {
        type: "finished",
        choice,
        reason,
        completionTokens,
        ...(reasoningTokens !== null && { reasoningTokens }),
        ...(stopString !== null && { stopString }),
      };
    }
  }
}

function packLogprob(sampled: SampledLogprob): PackedLogprob {
  return [...packToken(sampled), sampled.top.map(packToken)];
}

function unpackLogprob([token, bytes, logprob, top]: PackedLogprob): SampledLogprob {
  return { ...unpackToken([token, bytes, logprob]), top: top.map(unpackToken) };
}

function packToken({ token, bytes, logprob }: TokenLogprob): PackedToken {
  return [token, String.fromCharCode(...bytes), Number.isFinite(logprob) ? logprob : null];
}

function unpackToken([token, bytes, logprob]: PackedToken): TokenLogprob {
  return {
    token,
    bytes: Array.from(bytes, (character) => character.charCodeAt(0)),
    logprob: logprob ?? Number.NEGATIVE_INFINITY,
  };
}
