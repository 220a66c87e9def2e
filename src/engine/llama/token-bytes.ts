/** What `token` is made of, for bytes that are part of a character and that text can't hold. */
export type Spelling = (token: number) => string;

const REPLACEMENT = "\uFFFD";
const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/;
const encoder = new TextEncoder();

/**
 * The bytes of single tokens.
 *
 * Text that comes whole is taken as llama.cpp renders it. For a part of a character the binding gives U+FFFD only, so the vocabulary's
 * own spelling is read: `<0xE2>`, or the characters that byte-level vocabularies write for bytes (GPT-2's `bytes_to_unicode`).
 *
 * @param detokenize renders tokens with control tokens spelled out
 * @param neighbour a token of plain letters, which goes before: some vocabularies drop the leading space of whatever comes first
 */
export function createTokenBytes(
  detokenize: (tokens: readonly number[]) => string,
  spelling: Spelling,
  neighbour: number | undefined,
): (token: number) => readonly number[] {
  const before = neighbour === undefined ? [] : [neighbour];
  const beforeText = neighbour === undefined ? "" : detokenize(before);
  return (token) => {
    const text = detokenize([...before, token]).slice(beforeText.length);
    if (!text.includes(REPLACEMENT)) return Array.from(encoder.encode(text));
    const spelled = spelling(token);
    const hex = BYTE_TOKEN.exec(spelled)?.[1];
    if (hex !== undefined) return [Number.parseInt(hex, 16)];
    return byteLevelBytes(spelled) ?? Array.from(encoder.encode(text));
  };
}

const BYTE_OF = byteLevelAlphabet();

function byteLevelBytes(spelled: string): number[] | undefined {
  const bytes: number[] = [];
  for (const character of spelled) {
    const byte = BYTE_OF.get(character);
    if (byte === undefined) return undefined;
    bytes.push(byte);
  }
  return bytes;
}

/**
 * GPT-2's alphabet for bytes: those that print stand for themselves, the others for the characters from U+0100 on, in order
 * (https://github.com/openai/gpt-2/blob/master/src/encoder.py).
 */
function byteLevelAlphabet(): ReadonlyMap<string, number> {
  const prints = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  const alphabet = new Map<string, number>();
  let others = 0;
  for (let byte = 0; byte < 256; byte++) {
    alphabet.set(String.fromCodePoint(prints(byte) ? byte : 0x100 + others++), byte);
  }
  return alphabet;
}

/**
 * Finds a token of one byte alone, for each byte.
 *
 * @param spellings the vocabulary's own
 */
export function createByteTokens(
  spellings: readonly string[],
  bytesOf: (token: number) => readonly number[],
): (byte: number) => number | undefined {
  let found: Map<number, number> | undefined;
  return (byte) => {
    found ??= findByteTokens(spellings, bytesOf);
    return found.get(byte);
  };
}

function findByteTokens(spellings: readonly string[], bytesOf: (token: number) => readonly number[]) {
  const found = new Map<number, number>();
  spellings.forEach((spelling, token) => {
    if (spelling.length !== 1 && !BYTE_TOKEN.test(spelling)) return;
    const bytes = bytesOf(token);
    const [byte] = bytes;
    if (bytes.length === 1 && byte !== undefined && !found.has(byte)) found.set(byte, token);
  });
  return found;
}
