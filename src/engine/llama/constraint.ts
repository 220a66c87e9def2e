import type { Grammar } from "../../generation/request.ts";
import type { Tokenizer } from "../contract/native.ts";
import type { NativeBindings, NativeGrammar, NativeGrammarState, NativeModel } from "./binding.ts";

/** The grammar of one sequence and its state. */
export type Constraint = {
  /** The state that the native sampler applies and advances. Undefined before a trigger, while any text is allowed. */
  readonly state: NativeGrammarState | undefined;
  /**
   * Takes a token that the native sampler didn't sample with `state`: one from before the trigger or from before a crash.
   *
   * Returns false if the grammar refuses it. A token from before the trigger then changes nothing, and another one may be sampled.
   */
  take(token: number): boolean;
};

type ConstraintOptions = {
  readonly bindings: NativeBindings;
  readonly model: NativeModel;
  readonly grammar: NativeGrammar;
  readonly triggers: Grammar["triggers"];
  readonly tokenizer: Pick<Tokenizer, "bytes" | "isEndOfGeneration">;
  /** The token of a single byte; undefined if the vocabulary has none. */
  readonly byteToken: (byte: number) => number | undefined;
};

export function createConstraint(options: ConstraintOptions): Constraint {
  const { bindings, model, grammar, triggers, tokenizer, byteToken } = options;
  const finder = triggers && createTriggerFinder(triggers);
  let state = finder === undefined ? newState() : undefined;

  function newState(): NativeGrammarState {
    return new bindings.AddonGrammarEvaluationState(model, grammar);
  }

  function accepts(target: NativeGrammarState, token: number): boolean {
    // A state that refused a token must not be used again: llama.cpp would abort the process.
    try {
      bindings.AddonSampler.acceptGrammarEvaluationStateToken(target, token);
      return true;
    } catch {
      return false;
    }
  }

  return {
    get state() {
      return state;
    },
    take(token) {
      // llama.cpp aborts the process if the state is given an end token that the grammar doesn't allow.
      if (tokenizer.isEndOfGeneration(token)) return true;
      if (state !== undefined) return accepts(state, token);
      const bytes = tokenizer.bytes(token);
      const rest = finder?.find(bytes);
      if (rest === undefined) {
        finder?.push(bytes);
        return true;
      }
      // A state takes only tokens, so the rest of this token after the trigger is given as single-byte tokens.
      const fresh = newState();
      for (const byte of rest) {
        const single = byteToken(byte);
        if (single === undefined || !accepts(fresh, single)) return false;
      }
      state = fresh;
      return true;
    },
  };
}

/** Finds the first of several triggers in bytes that arrive token by token. */
type TriggerFinder = {
  /** Returns the bytes after the first trigger that `bytes` complete; undefined if they complete none. Doesn't add the bytes. */
  find(bytes: readonly number[]): Uint8Array | undefined;
  push(bytes: readonly number[]): void;
};

/** Works on bytes, because a token may end inside a character. If several triggers are complete, the one that ends first counts. */
export function createTriggerFinder(triggers: readonly string[]): TriggerFinder {
  const spellings = triggers.map((trigger) => Buffer.from(trigger));
  const longest = Math.max(0, ...spellings.map(({ length }) => length));
  /** The last bytes, which may be the beginning of a trigger. */
  let tail: Buffer = Buffer.alloc(0);

  return {
    find(bytes) {
      const pending = Buffer.concat([tail, Uint8Array.from(bytes)]);
      let end: number | undefined;
      for (const spelling of spellings) {
        const at = pending.indexOf(spelling);
        if (at >= 0) end = Math.min(end ?? Number.POSITIVE_INFINITY, at + spelling.length);
      }
      return end === undefined ? undefined : pending.subarray(end);
    },
    push(bytes) {
      const pending = Buffer.concat([tail, Uint8Array.from(bytes)]);
      tail = pending.subarray(Math.max(0, pending.length - Math.max(0, longest - 1)));
    },
  };
}
