/** What all keys in Redis begin with. A version that can't read what this one wrote has another number. */
export const PREFIX = "sluice:jobs:1:";

/** Files are kept in pieces of this size; only the last one is shorter. */
export const PIECE_BYTES = 256 * 1024;

export function pieceName(id: string, piece: number): string {
  return `${PREFIX}piece:${id}:${piece}`;
}

export function uploadName(id: string): string {
  return `${PREFIX}upload:${id}`;
}
