import type { Tokenizer } from "../worker/backend.ts";
import type { NativeModel } from "./binding.ts";

export function createTokenizer(model: NativeModel, vocabularySize: number): Tokenizer {
  return {
    vocabularySize,
    tokenize: (text, parseSpecial) => Array.from(model.tokenize(text, parseSpecial)),
    detokenize: (tokens) => model.detokenize(Uint32Array.from(tokens), false),
    isEndOfGeneration: (token) => model.isEogToken(token),
  };
}
