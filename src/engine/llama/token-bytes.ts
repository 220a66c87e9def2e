/** The vocabulary's spelling of `token`. */
export type Spelling = (token: number) => string;

const REPLACEMENT = "\uFFFD";
const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/;
const encoder = new TextEncoder();

/**
 * Returns the bytes of single tokens.
 *
 * For complete characters it uses the text that llama.cpp renders. For a part of a character the binding renders only U+FFFD, so the
 * vocabulary's spelling is parsed: `<0xE2>`, or the characters that byte-level vocabularies use for bytes (GPT-2's `bytes_to_unicode`).
 *
 * @param detokenize renders tokens, with the spellings of control tokens
 * @param neighbour a token of letters to put before, because some vocabularies drop the leading space of the first token
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
 * GPT-2's alphabet for bytes: printable bytes map to themselves, the others to the characters from U+0100 on, in order
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
 * Finds the token of each single byte.
 *
 * @param spellings the vocabulary's spellings
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
