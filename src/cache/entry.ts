import type { FinishReason, GenerationEvent, SampledLogprob, TokenLogprob } from "../generation/event.ts";

/** An event, and how long after the one before it came. */
export type TimedEvent = { readonly event: GenerationEvent; readonly afterMs: number };

/** A token, its bytes as a text of one character each, and its log-probability: null is that of what can't be. */
type PackedToken = readonly [token: number, bytes: string, logprob: number | null];
type PackedLogprob = readonly [...PackedToken, top: readonly PackedToken[]];

/** The pieces of a text: how long after the one before each came, and how many UTF-16 code units it has. */
type PackedPieces = readonly [text: string, times: readonly number[], lengths: readonly number[]];

/** Events as short lists. Pieces that follow each other are one text, and what its pieces are. */
type Packed =
  | readonly ["s", number, promptTokens: number]
  | readonly ["t", choice: number, ...PackedPieces]
  | readonly ["r", choice: number, ...PackedPieces]
  | readonly ["a", choice: number, ...PackedPieces, index: number]
  | readonly ["l", number, choice: number, text: string, logprobs: readonly PackedLogprob[]]
  | readonly ["c", number, choice: number, index: number, id: string, name: string]
  | readonly [
      "f",
      number,
      choice: number,
      reason: FinishReason,
      completionTokens: number,
      reasoningTokens: number | null,
      stopString: string | null,
    ];

type Event<Type extends GenerationEvent["type"]> = Extract<GenerationEvent, { type: Type }>;
type Piece = Event<"text" | "reasoning" | "toolArguments">;
type Run = { readonly first: Piece; text: string; readonly times: number[]; readonly lengths: number[] };

/** A whole answer in as few bytes as go without compressing: a list of short lists, in JSON. */
export function packAnswer(events: readonly TimedEvent[]): Buffer {
  const text = JSON.stringify(packEvents(events));
  // Memory of its own: small slices of the shared pool would keep all of it alive.
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
}

export type UnpackOptions = {
  /** Pieces that follow each other come as one, which is quicker where nobody looks at them one by one. */
  readonly isJoined?: boolean;
};

/** The events of a packed answer, as they are for a request that comes later and takes nothing. */
export function unpackAnswer(bytes: Buffer, { isJoined = false }: UnpackOptions = {}): TimedEvent[] {
  // Only `packAnswer` writes what is read here.
  const packed: readonly Packed[] = JSON.parse(bytes.toString());
  return packed.flatMap((each) => unpack(each, isJoined));
}

function packEvents(events: readonly TimedEvent[]): Packed[] {
  const packed: Packed[] = [];
  let run: Run | undefined;

  function endRun(): void {
    if (run !== undefined) packed.push(packRun(run));
    run = undefined;
  }

  for (const { event, afterMs } of events) {
    const ms = Math.round(afterMs);
    if (!isPiece(event)) {
      endRun();
      packed.push(packSingle(event, ms));
      continue;
    }
    if (run === undefined || !goesOn(run.first, event)) {
      endRun();
      run = { first: event, text: "", times: [], lengths: [] };
    }
    run.text += event.text;
    run.times.push(ms);
    run.lengths.push(event.text.length);
  }
  endRun();
  return packed;
}

/** Log-probabilities are of one piece, so such a text stays by itself. */
function isPiece(event: GenerationEvent): event is Piece {
  if (event.type === "text") return event.logprobs === undefined;
  return event.type === "reasoning" || event.type === "toolArguments";
}

function goesOn(before: Piece, piece: Piece): boolean {
  return before.type === piece.type && before.choice === piece.choice && indexOf(before) === indexOf(piece);
}

function indexOf(piece: Piece): number {
  return piece.type === "toolArguments" ? piece.index : 0;
}

function packRun({ first, text, times, lengths }: Run): Packed {
  switch (first.type) {
    case "text":
      return ["t", first.choice, text, times, lengths];
    case "reasoning":
      return ["r", first.choice, text, times, lengths];
    case "toolArguments":
      return ["a", first.choice, text, times, lengths, first.index];
  }
}

function packSingle(event: Exclude<GenerationEvent, Piece> | Event<"text">, ms: number): Packed {
  switch (event.type) {
    case "started":
      return ["s", ms, event.promptTokens];
    case "text":
      return ["l", ms, event.choice, event.text, (event.logprobs ?? []).map(packLogprob)];
    case "toolCall":
      return ["c", ms, event.choice, event.index, event.id, event.name];
    case "finished": {
      const { choice, reason, completionTokens, reasoningTokens = null, stopString = null } = event;
      return ["f", ms, choice, reason, completionTokens, reasoningTokens, stopString];
    }
  }
}

function unpack(packed: Packed, isJoined: boolean): TimedEvent[] {
  switch (packed[0]) {
    case "t":
    case "r":
    case "a": {
      const [, , text, times, lengths] = packed;
      if (!isJoined) return cut(text, times, lengths, (piece) => unpackPiece(packed, piece));
      return [{ event: unpackPiece(packed, text), afterMs: times.reduce((sum, ms) => sum + ms, 0) }];
    }
    default:
      return [{ event: unpackSingle(packed), afterMs: packed[1] }];
  }
}

function cut(
  text: string,
  times: readonly number[],
  lengths: readonly number[],
  make: (piece: string) => GenerationEvent,
): TimedEvent[] {
  let at = 0;
  return lengths.map((length, index) => {
    const piece = text.slice(at, at + length);
    at += length;
    return { event: make(piece), afterMs: times[index] ?? 0 };
  });
}

function unpackPiece(packed: Extract<Packed, readonly ["t" | "r" | "a", ...unknown[]]>, text: string): GenerationEvent {
  switch (packed[0]) {
    case "t":
      return { type: "text", choice: packed[1], text };
    case "r":
      return { type: "reasoning", choice: packed[1], text };
    case "a":
      return { type: "toolArguments", choice: packed[1], index: packed[5], text };
  }
}

function unpackSingle(packed: Extract<Packed, readonly ["s" | "l" | "c" | "f", ...unknown[]]>): GenerationEvent {
  switch (packed[0]) {
    case "s":
      return { type: "started", promptTokens: packed[2], cachedTokens: packed[2], isReplay: true };
    case "l":
      return { type: "text", choice: packed[2], text: packed[3], logprobs: packed[4].map(unpackLogprob) };
    case "c":
      return { type: "toolCall", choice: packed[2], index: packed[3], id: packed[4], name: packed[5] };
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
