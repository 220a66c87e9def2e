/** llama-server's form: a piece is text, or a list of bytes where it is only part of a character. */
export type WirePiece = { readonly id: number; readonly piece: string | readonly number[] };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Tokens with what each is made of; `bytes` has an entry for each of `tokens`. */
export function encodePieces(tokens: readonly number[], bytes: readonly (readonly number[])[]): readonly WirePiece[] {
  return tokens.map((id, index) => ({ id, piece: decodePiece(bytes[index] ?? []) }));
}

function decodePiece(bytes: readonly number[]): string | readonly number[] {
  try {
    return utf8.decode(Uint8Array.from(bytes));
  } catch {
    return bytes;
  }
}
