import { expect } from "vitest";
import type { SequenceRequest } from "../../../src/engine/contract/messages.ts";
import type { Batcher, Tokenizer } from "../../../src/engine/contract/native.ts";
import type { Scheduler } from "../../../src/engine/worker/scheduler.ts";
import type { Sampling } from "../../../src/generation/request.ts";
import { PLAIN_SAMPLING } from "../../../src/generation/sampling.ts";

/** Token 0 ends a generation; token n is the n-th letter. */
export const END = 0;
const LETTERS = "abcdefghijklmnopqrstuvwxyz";

export const tokenizer: Tokenizer = {
  vocabularySize: LETTERS.length + 1,
  tokenize: (text) => Array.from(text, (letter) => LETTERS.indexOf(letter) + 1),
  detokenize: (tokens) => tokens.map((token) => LETTERS[token - 1] ?? "").join(""),
  bytes: (token) => (token === END ? [] : [(LETTERS[token - 1] ?? "").charCodeAt(0)]),
  isEndOfGeneration: (token) => token === END,
};

/** What the fake model says after these tokens: a function of all of them, so that any token lost or doubled shows. */
function nextToken(tokens: readonly number[]): number {
  let hash = 17;
  for (const token of tokens) hash = (hash * 31 + token + 7) % 65_521;
  return hash % tokenizer.vocabularySize;
}

/** The interval at which `repeat` breaks off. */
const BREAK = 13;

/** What a fake model says that mostly repeats itself: a function of the last token, and now and then of all of them. */
export function repeat(tokens: readonly number[]): number {
  return tokens.length % BREAK === 0 ? nextToken(tokens) : (((tokens.at(-1) ?? 0) * 5 + 3) % LETTERS.length) + 1;
}

/** How likely the fake model finds `token` after these tokens: like `nextToken`, a function of all of them. */
export function logprobAfter(tokens: readonly number[], token: number): number {
  return -nextToken([...tokens, token]) / 100;
}

export type FakeBatcher = Batcher & {
  /** Lets the native call in progress end; returns false where there is none. */
  finishDecode(): boolean;
  /** What is in files, by path. */
  readonly files: Map<string, number[]>;
  /** How many samplers and scorers are in use. */
  readonly liveSamplers: () => number;
  /** For each native call, the tokens of each part, by slot. */
  readonly calls: { slot: number; position: number; tokens: number[] }[][];
};

/**
 * A model in memory with the binding's rules: positions without gaps, batches of the promised size, no two calls at once, and no
 * hand on the KV cache or on a sampler while one runs. Decodes wait for `finishDecode`.
 */
export function createFakeBatcher(options: {
  slots: number;
  contextTokens: number;
  maxBatchTokens?: number;
  /** False for a model that can't forget a part of what it holds. */
  canTruncate?: boolean;
  failAfter?: number;
  /** True for a disk that takes and gives nothing. */
  brokenDisk?: boolean;
  /** Ends every answer here, like a grammar that allows nothing more. */
  nothingAfter?: number;
  /** Gives up on a sequence with a grammar here, as if that took too long. */
  slowAfter?: number;
  /** What the model says after some tokens: by default `nextToken`. */
  say?: (tokens: readonly number[]) => number;
}): FakeBatcher {
  const {
    slots,
    contextTokens,
    maxBatchTokens = 4,
    canTruncate = true,
    failAfter = Number.POSITIVE_INFINITY,
    brokenDisk = false,
    nothingAfter = Number.POSITIVE_INFINITY,
    slowAfter = Number.POSITIVE_INFINITY,
    say = nextToken,
  } = options;
  const held: number[][] = Array.from({ length: slots }, () => []);
  const calls: FakeBatcher["calls"] = [];
  let batch: { slot: number; position: number; tokens: number[] }[] = [];
  let promised = 0;
  let logits: number[][] = [];
  let finish: (() => void) | undefined;
  let decoded: Promise<void> = Promise.resolve();
  let samplers = 0;
  const files = new Map<string, number[]>();

  function idle(what: string): void {
    if (finish !== undefined) throw new Error(`${what} during a decode`);
  }

  return {
    slots,
    contextTokens,
    maxBatchTokens,
    calls,
    files,
    liveSamplers: () => samplers,
    finishDecode() {
      const resolve = finish;
      finish = undefined;
      resolve?.();
      return resolve !== undefined;
    },
    beginBatch(tokenCount) {
      idle("beginBatch");
      promised = tokenCount;
      batch = [];
      logits = [];
    },
    addToBatch(slot, position, tokens, wantLogits) {
      idle("addToBatch");
      const cells = held[slot];
      if (cells === undefined || cells.length !== position) throw new Error(`slot ${slot} is not at ${position}`);
      if (tokens.length === 0) throw new Error("nothing to add");
      const previous = batch.at(-1);
      if (previous !== undefined && previous.slot >= slot) throw new Error("slots must ascend");
      cells.push(...tokens);
      if (cells.length > contextTokens) throw new Error(`slot ${slot} is over its context`);
      batch.push({ slot, position, tokens: [...tokens] });
      if (!wantLogits) return -1;
      return logits.push([...cells]) - 1;
    },
    addScored(slot, position, tokens) {
      this.addToBatch(slot, position, tokens, false);
      const cells = held[slot] ?? [];
      return tokens.map((_, index) => logits.push(cells.slice(0, position + index + 1)) - 1);
    },
    decode() {
      idle("decode");
      const size = batch.reduce((sum, { tokens }) => sum + tokens.length, 0);
      if (size !== promised) throw new Error(`a batch of ${promised} was promised, not ${size}`);
      calls.push(batch);
      if (calls.length > failAfter) return Promise.reject(new Error("Eval has failed"));
      decoded = new Promise((resolve) => {
        finish = resolve;
      });
      return decoded;
    },
    truncate(slot, length) {
      idle("truncate");
      const cells = held[slot];
      if (cells === undefined || length > cells.length) throw new Error(`slot ${slot} can't be cut to ${length}`);
      cells.length = canTruncate ? length : 0;
      return cells.length === length;
    },
    async copy(target, source) {
      idle("copy");
      if (target === source) throw new Error("a slot can't be copied to itself");
      held[target] = [...(held[source] ?? [])];
      await Promise.resolve();
    },
    async save(slot, path, tokens) {
      idle("save");
      expect(tokens).toEqual(held[slot]);
      await Promise.resolve();
      if (brokenDisk) throw new Error("ENOSPC");
      files.set(path, [...tokens]);
      return tokens.length * 10;
    },
    async load(slot, path) {
      idle("load");
      const tokens = files.get(path);
      await Promise.resolve();
      if (tokens === undefined) throw new Error("ENOENT");
      held[slot] = [...tokens];
    },
    createScorer(topCount) {
      const use = inUse();
      return {
        async score(logitIndex, token) {
          const tokens = await use.logitsAt(logitIndex);
          const chosen = await token;
          if (chosen === undefined) return undefined;
          const score = (of: number) => ({ token: of, logprob: logprobAfter(tokens, of) });
          return { ...score(chosen), top: Array.from({ length: topCount }, (_, index) => score(index)) };
        },
        dispose: use.dispose,
      };
    },
    createSampler({ grammar }) {
      const use = inUse();
      let drawn = false;
      let fault: string | undefined;
      return {
        get fault() {
          return fault;
        },
        async sample(logitIndex, history) {
          drawn = true;
          const tokens = await use.logitsAt(logitIndex);
          fault = grammar !== undefined && history.length >= slowAfter ? "too slow" : undefined;
          if (fault !== undefined) return undefined;
          return history.length < nothingAfter ? say(tokens) : undefined;
        },
        accept() {
          if (drawn) throw new Error("a token from before the crash came after a draw");
        },
        dispose: use.dispose,
      };
    },
  };

  /** What reads logits: never after it was disposed of, and never disposed of while a decode runs. */
  function inUse() {
    samplers++;
    let disposed = false;
    return {
      async logitsAt(logitIndex: number): Promise<number[]> {
        const tokens = logits[logitIndex];
        if (tokens === undefined || disposed) throw new Error("no logits there, or what reads them is gone");
        await decoded;
        if (disposed) throw new Error("it went away while it was reading");
        return tokens;
      },
      dispose() {
        idle("a dispose");
        if (disposed) throw new Error("it was disposed of twice");
        disposed = true;
        samplers--;
      },
    };
  }
}

const greedy: Sampling & { seed: number } = { ...PLAIN_SAMPLING, temperature: 0, seed: 1 };

export function sequenceRequest(
  id: number,
  fields: Partial<SequenceRequest> & { temperature?: number } = {},
): SequenceRequest {
  const { temperature = 0, ...rest } = fields;
  return {
    id,
    tenant: "local",
    priority: "default",
    prompt: { type: "chat", messages: [] },
    maxTokens: undefined,
    stop: [],
    sampling: { ...greedy, temperature },
    reproducible: false,
    replay: [],
    ...rest,
  };
}

/** What the fake model answers to a prompt that it evaluates alone, by the rules of the wire and none of the scheduler's code. */
export function expectedAnswer(
  prompt: readonly number[],
  { maxTokens = Number.POSITIVE_INFINITY, stop = [] }: { maxTokens?: number | undefined; stop?: readonly string[] },
  contextTokens: number,
  say = nextToken,
): { text: string; reason: "stop" | "length"; completionTokens: number; tokens: number[]; stopString?: string } {
  const tokens: number[] = [];
  for (;;) {
    const token = say([...prompt, ...tokens]);
    tokens.push(token);
    const text = tokenizer.detokenize(tokens);
    const completionTokens = tokens.length;
    if (token === END) return { text, reason: "stop", completionTokens, tokens };
    const stopString = stop.find((word) => text.includes(word));
    if (stopString !== undefined) {
      return { text: text.slice(0, text.indexOf(stopString)), reason: "stop", completionTokens, tokens, stopString };
    }
    if (completionTokens >= maxTokens || prompt.length + completionTokens >= contextTokens) {
      return { text, reason: "length", completionTokens, tokens };
    }
  }
}

/** Runs a scheduler over a fake batcher. */
export function runScheduler(scheduler: Pick<Scheduler, "run" | "stop">, batcher: { finishDecode(): boolean }) {
  const running = scheduler.run();
  return {
    running,
    /** Lets native calls end until the scheduler has nothing left to evaluate. */
    async drain() {
      await settle();
      while (batcher.finishDecode()) await settle();
    },
    async finish() {
      scheduler.stop();
      batcher.finishDecode();
      await running;
    },
  };
}

/** Lets everything run that waits for nothing but a resolved promise. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
