import type {
  FinishReason,
  GenerationEvent,
  PromptLogprob,
  SampledLogprob,
  TokenLogprob,
} from "../generation/event.ts";

/** An event, and the time since the previous one. */
export type TimedEvent = { readonly event: GenerationEvent; readonly afterMs: number };

/** A token's id if it is known, its bytes as one character each, and its log-probability, where null means minus infinity. */
type PackedToken = readonly [token: number | null, bytes: string, logprob: number | null];
type PackedLogprob = readonly [...PackedToken, top: readonly PackedToken[]];

/** Events as short lists, with the time in second place. Consecutive pieces of a text are joined, with the time of the first. */
type Packed =
  | readonly ["s", number, promptTokens: number | null]
  | readonly ["u", number, promptTokens: number, completionTokens: number, reasoningTokens: number | null]
  | readonly ["t", number, choice: number, text: string]
  | readonly ["r", number, choice: number, text: string]
  | readonly ["n", number, choice: number, text: string]
  | readonly ["a", number, choice: number, text: string, index: number]
  | readonly ["l", number, choice: number, text: string, logprobs: readonly PackedLogprob[]]
  | readonly ["p", number, choice: number, logprobs: readonly PackedLogprob[]]
  | readonly ["c", number, choice: number, index: number, id: string, name: string]
  | readonly [
      "f",
      number,
      choice: number,
      reason: FinishReason,
      completionTokens: number | null,
      reasoningTokens: number | null,
      stopString: string | null,
    ];

/** How a joined text was cut: the length of each piece in UTF-16 code units, and the time since the previous one. */
type Cuts = readonly [lengths: readonly number[], times: readonly number[]];

type Event<Type extends GenerationEvent["type"]> = Extract<GenerationEvent, { type: Type }>;
type Piece = Event<"text" | "reasoning" | "refusal" | "toolArguments">;
type Run = { readonly first: Piece; text: string; readonly lengths: number[]; readonly times: number[] };

const LINE_FEED = 10;

/** Packs a whole answer, without compression: a line of JSON for the events, and one for how their texts were cut. */
export function packAnswer(events: readonly TimedEvent[]): Buffer {
  const text = packEvents(events)
    .map((line) => JSON.stringify(line))
    .join("\n");
  // Not from the shared pool: a small slice would keep the whole pool alive.
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
}

export type UnpackOptions = {
  /** Leaves consecutive pieces joined. Faster if the reader needs only the whole text. */
  readonly isJoined?: boolean;
};

/** Unpacks an answer's events as a replay, with the whole prompt cached. */
export function unpackAnswer(bytes: Buffer, { isJoined = false }: UnpackOptions = {}): TimedEvent[] {
  const end = bytes.indexOf(LINE_FEED);
  // The bytes are always the output of `packAnswer`.
  const packed: readonly Packed[] = JSON.parse(bytes.toString("utf8", 0, end));
  if (isJoined) return packed.map((each) => ({ event: unpack(each), afterMs: each[1] }));
  const cuts: Iterator<Cuts> = JSON.parse(bytes.toString("utf8", end + 1)).values();
  return packed.flatMap((each) => {
    const event = unpack(each);
    return isPiece(event) ? cut(event, cuts.next().value) : [{ event, afterMs: each[1] }];
  });
}

/** Returns the two lines of a packed answer. */
function packEvents(events: readonly TimedEvent[]): readonly [Packed[], Cuts[]] {
  const packed: Packed[] = [];
  const cuts: Cuts[] = [];
  let run: Run | undefined;

  function endRun(): void {
    if (run === undefined) return;
    const { first, text, lengths, times } = run;
    packed.push(pack({ ...first, text }, times[0] ?? 0));
    cuts.push([lengths, times]);
    run = undefined;
  }

  for (const { event, afterMs } of events) {
    const ms = Math.round(afterMs);
    if (!isPiece(event)) {
      endRun();
      packed.push(pack(event, ms));
      continue;
    }
    if (run === undefined || !goesOn(run.first, event)) {
      endRun();
      run = { first: event, text: "", lengths: [], times: [] };
    }
    run.text += event.text;
    run.lengths.push(event.text.length);
    run.times.push(ms);
  }
  endRun();
  return [packed, cuts];
}

/** A text with log-probabilities isn't joined, since these belong to one piece. */
function isPiece(event: GenerationEvent): event is Piece {
  if (event.type === "text") return event.logprobs === undefined;
  return event.type === "reasoning" || event.type === "refusal" || event.type === "toolArguments";
}

function goesOn(before: Piece, piece: Piece): boolean {
  return before.type === piece.type && before.choice === piece.choice && indexOf(before) === indexOf(piece);
}

function indexOf(piece: Piece): number {
  return piece.type === "toolArguments" ? piece.index : 0;
}

function cut(whole: Piece, [lengths, times]: Cuts): TimedEvent[] {
  let at = 0;
  return lengths.map((length, index) => {
    const text = whole.text.slice(at, at + length);
    at += length;
    return { event: { ...whole, text }, afterMs: times[index] ?? 0 };
  });
}

function pack(event: GenerationEvent, ms: number): Packed {
  switch (event.type) {
    case "started":
      return ["s", ms, event.promptTokens ?? null];
    case "usage":
      return ["u", ms, event.promptTokens, event.completionTokens, event.reasoningTokens ?? null];
    case "text": {
      const { choice, text, logprobs } = event;
      return logprobs === undefined ? ["t", ms, choice, text] : ["l", ms, choice, text, logprobs.map(packLogprob)];
    }
    case "prompt":
      return ["p", ms, event.choice, event.logprobs.map(packPromptLogprob)];
    case "reasoning":
      return ["r", ms, event.choice, event.text];
    case "refusal":
      return ["n", ms, event.choice, event.text];
    case "toolArguments":
      return ["a", ms, event.choice, event.text, event.index];
    case "toolCall":
      return ["c", ms, event.choice, event.index, event.id, event.name];
    case "finished": {
      const { choice, reason, completionTokens = null, reasoningTokens = null, stopString = null } = event;
      return ["f", ms, choice, reason, completionTokens, reasoningTokens, stopString];
    }
    case "frames":
      throw new Error("An answer that is passed on as it came can't be stored.");
  }
}

function unpack(packed: Packed): GenerationEvent {
  switch (packed[0]) {
    case "s": {
      const [, , promptTokens] = packed;
      const counts = promptTokens === null ? {} : { promptTokens, cachedTokens: promptTokens };
      return { type: "started", ...counts, isReplay: true };
    }
    case "u": {
      const [, , promptTokens, completionTokens, reasoningTokens] = packed;
      const reasoning = reasoningTokens === null ? {} : { reasoningTokens };
      return { type: "usage", promptTokens, cachedTokens: promptTokens, completionTokens, ...reasoning };
    }
    case "t":
      return { type: "text", choice: packed[2], text: packed[3] };
    case "l":
      return { type: "text", choice: packed[2], text: packed[3], logprobs: packed[4].map(unpackLogprob) };
    case "p":
      return { type: "prompt", choice: packed[2], logprobs: packed[3].map(unpackPromptLogprob) };
    case "n":
      return { type: "refusal", choice: packed[2], text: packed[3] };
    case "r":
      return { type: "reasoning", choice: packed[2], text: packed[3] };
    case "a":
      return { type: "toolArguments", choice: packed[2], index: packed[4], text: packed[3] };
    case "c":
      return { type: "toolCall", choice: packed[2], index: packed[3], id: packed[4], name: packed[5] };
    case "f": {
      const [, , choice, reason, completionTokens, reasoningTokens, stopString] = packed;
      return {
        type: "finished",
        choice,
        reason,
        ...(completionTokens !== null && { completionTokens }),
        ...(reasoningTokens !== null && { reasoningTokens }),
        ...(stopString !== null && { stopString }),
      };
    }
  }
}

/** The first token of a prompt has no log-probability. It is stored as null; minus infinity doesn't occur, since the scorer's minimum is finite. */
function packPromptLogprob({ logprob, ...rest }: PromptLogprob): PackedLogprob {
  return packLogprob({ ...rest, logprob: logprob ?? Number.NEGATIVE_INFINITY });
}

function unpackPromptLogprob(packed: PackedLogprob): PromptLogprob {
  const { logprob, ...rest } = unpackLogprob(packed);
  return { ...rest, logprob: Number.isFinite(logprob) ? logprob : null };
}

function packLogprob(sampled: SampledLogprob): PackedLogprob {
  return [...packToken(sampled), sampled.top.map(packToken)];
}

function unpackLogprob([token, bytes, logprob, top]: PackedLogprob): SampledLogprob {
  return { ...unpackToken([token, bytes, logprob]), top: top.map(unpackToken) };
}

function packToken({ token, bytes, logprob }: TokenLogprob): PackedToken {
  return [token ?? null, String.fromCharCode(...bytes), Number.isFinite(logprob) ? logprob : null];
}

function unpackToken([token, bytes, logprob]: PackedToken): TokenLogprob {
  return {
    ...(token !== null && { token }),
    bytes: Array.from(bytes, (character) => character.charCodeAt(0)),
    logprob: logprob ?? Number.NEGATIVE_INFINITY,
  };
}
