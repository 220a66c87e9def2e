import type { Grammar } from "../../generation/request.ts";
import type { Tokenizer } from "../contract/native.ts";
import type { NativeBindings, NativeGrammar, NativeGrammarState, NativeModel } from "./binding.ts";

/** What one sequence is held to. */
export type Constraint = {
  /** What the native sampler applies, and advances by the tokens that it draws; undefined while anything may follow. */
  readonly state: NativeGrammarState | undefined;
  /**
   * Takes a token that no native sampler drew under `state`: one that was drawn freely, or is known from before a crash.
   *
   * Returns false where the grammar refuses it; a token that was drawn freely then changed nothing, and another may be drawn.
   */
  take(token: number): boolean;
};

type ConstraintOptions = {
  readonly bindings: NativeBindings;
  readonly model: NativeModel;
  readonly grammar: NativeGrammar;
  readonly triggers: Grammar["triggers"];
  readonly tokenizer: Pick<Tokenizer, "bytes" | "isEndOfGeneration">;
  /** A token of this byte alone; undefined where the vocabulary has none. */
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
    // A state that refused a token must not be used again: llama.cpp would end the process.
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
      // llama.cpp ends the process when it is told of an end that the grammar does not allow.
      if (tokenizer.isEndOfGeneration(token)) return true;
      if (state !== undefined) return accepts(state, token);
      const bytes = tokenizer.bytes(token);
      const rest = finder?.find(bytes);
      if (rest === undefined) {
        finder?.push(bytes);
        return true;
      }
      // A state is told of tokens only, so what follows the trigger in this token is told byte by byte.
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

/** Looks for the first of several spellings in bytes that arrive token by token. */
type TriggerFinder = {
  /** What follows the first trigger that these bytes complete; undefined while none is complete. Changes nothing. */
  find(bytes: readonly number[]): Uint8Array | undefined;
  /** Takes the bytes: later ones follow them. */
  push(bytes: readonly number[]): void;
};

/** Works on bytes, since a token may end inside a character. Of triggers that are complete at once, the one that ends first counts. */
export function createTriggerFinder(triggers: readonly string[]): TriggerFinder {
  const spellings = triggers.map((trigger) => Buffer.from(trigger));
  const longest = Math.max(0, ...spellings.map(({ length }) => length));
  /** The last bytes, as many as the beginning of a trigger may have. */
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
