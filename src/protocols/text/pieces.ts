import type { Piece } from "../../generation/model.ts";

/** llama-server's form of a token with what it is made of. */
export type WirePiece = { readonly id: number; readonly piece: Piece };

/** Tokens with what each is made of; `pieces` has an entry for each of `tokens`. */
export function encodePieces(tokens: readonly number[], pieces: readonly Piece[]): readonly WirePiece[] {
  return tokens.map((id, index) => ({ id, piece: pieces[index] ?? "" }));
}
