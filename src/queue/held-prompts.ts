import { LRUCache } from "lru-cache";
import type { Piece } from "./prompt-pieces.ts";

/** Which prompts an engine is likely to hold, as far as is known without asking it. */
export type HeldPrompts = {
  /** The share of a prompt that it holds, from 0 to 1. */
  shareOf(pieces: readonly Piece[]): number;
  /** It evaluates this prompt. */
  note(pieces: readonly Piece[]): void;
  /** Its process has ended. */
  clear(): void;
};

/** @param maxChars what all its slots have room for, about */
export function createHeldPrompts(maxChars: number): HeldPrompts {
  const held = new LRUCache<string, Piece>({ maxSize: Math.max(1, maxChars), sizeCalculation: ({ chars }) => chars });

  return {
    shareOf(pieces) {
      const missing = pieces.findIndex(({ name }) => !held.has(name));
      if (missing === 0) return 0;
      const known = missing < 0 ? pieces.length : missing;
      // What follows as an answer was most likely written there.
      const next = pieces.findIndex(({ isAnswer }, at) => at >= known && !isAnswer);
      const end = next < 0 ? pieces.length : next;
      return charsOf(pieces.slice(0, end)) / Math.max(1, charsOf(pieces));
    },
    note(pieces) {
      // The beginnings are used last, so that the ends are forgotten first.
      for (const piece of pieces.toReversed()) if (piece.chars > 0) held.set(piece.name, piece);
    },
    clear: () => held.clear(),
  };
}

function charsOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { chars }) => sum + chars, 0);
}
