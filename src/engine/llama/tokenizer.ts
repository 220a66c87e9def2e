import type { Tokenizer } from "../contract/native.ts";
import type { NativeModel } from "./binding.ts";
import { createTokenBytes } from "./token-bytes.ts";

export function createTokenizer(model: NativeModel, vocabularySize: number): Tokenizer {
  return {
    vocabularySize,
    tokenize: (text, parseSpecial) => Array.from(model.tokenize(text, parseSpecial)),
    detokenize: (tokens, showControl = false) => model.detokenize(Uint32Array.from(tokens), showControl),
    bytes: createTokenBytes(
      (tokens) => model.detokenize(Uint32Array.from(tokens), true),
      (token) => model.getTokenString(token),
      model.tokenize("a", false)[0],
    ),
    isEndOfGeneration: (token) => model.isEogToken(token),
  };
}
