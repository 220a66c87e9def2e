import type { Piece } from "../../generation/model.ts";

/** A token with its text or bytes, in llama-server's form. */
export type WirePiece = { readonly id: number; readonly piece: Piece };

/** Encodes tokens with their pieces. `pieces` has one entry per token. */
export function encodePieces(tokens: readonly number[], pieces: readonly Piece[]): readonly WirePiece[] {
  return tokens.map((id, index) => ({ id, piece: pieces[index] ?? "" }));
}
