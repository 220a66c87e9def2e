import { hash } from "node:crypto";
import type { Prompt, Tool } from "../../../generation/request.ts";
import type { ROLES } from "../wire.ts";
import { findMarks, type KindWord } from "./marks.ts";

/** A part of a prompt, such as a message. */
export type Section = {
  /** The author of a message, or another word for the part. */
  readonly role: (typeof ROLES)[number];
  /** Its place among the sections of its kind, from 0: among messages, whatever their role. */
  readonly index: number;
  /** Its first piece. */
  readonly first: number;
};

/** The keyed hashes of what changes in a piece. */
type Marks = { readonly rest: number; readonly kinds: readonly (readonly [KindWord, number])[] };

/** The keyed hashes of a prompt's pieces, which are lines, or parts of long lines. Its text can't be made from it. */
export type Outline = {
  readonly hashes: readonly number[];
  /** The length of each piece, in characters. */
  readonly lengths: readonly number[];
  /** The line of each piece within its section, from 1. */
  readonly lines: readonly number[];
  readonly sections: readonly Section[];
  readonly marks: ReadonlyMap<number, Marks>;
  readonly characters: number;
};

/** Longer lines are cut. */
const MAX_PIECE_CHARS = 512;
/** Pieces beyond this are not looked at: a prompt has to differ before its end for a finding. */
const MAX_PIECES = 8_192;
const TOKENS_A_PIECE = 64;
/** 48 bits: two different pieces of 10,000 have the same hash once in five million times. */
const HASH_BYTES = 6;

/** Makes an outline piece by piece, so that its caller can let others work in between. @param key a secret */
export function* outlineOf(prompt: Prompt, tools: readonly Tool[], key: string): Generator<undefined, Outline> {
  const hashes: number[] = [];
  const lengths: number[] = [];
  const lines: number[] = [];
  const sections: Section[] = [];
  const marks = new Map<number, Marks>();
  let characters = 0;

  const digest = (kind: string, text: string) =>
    hash("sha256", `${key}\n${kind}\n${text}`, "buffer").readUIntBE(0, HASH_BYTES);

  function add(role: string, piece: string, line: number): void {
    const marked = findMarks(piece);
    if (marked !== undefined) {
      const kinds = [...marked.kinds].map(([word, text]) => [word, digest(word, text)] as const);
      marks.set(hashes.length, { rest: digest(role, marked.rest), kinds });
    }
    hashes.push(digest(role, piece));
    lengths.push(piece.length);
    lines.push(line);
    characters += piece.length;
  }

  for (const { role, index, texts } of sectionsOf(prompt, tools)) {
    if (hashes.length >= MAX_PIECES) break;
    sections.push({ role, index, first: hashes.length });
    let line = 0;
    for (const text of texts) {
      for (const [piece, isNewLine] of piecesOf(text)) {
        if (hashes.length >= MAX_PIECES) break;
        if (isNewLine) line += 1;
        add(role, piece, line);
        yield;
      }
    }
  }
  return { hashes, lengths, lines, sections, marks, characters };
}

type Texts = Pick<Section, "role" | "index"> & { readonly texts: Iterable<string> };

/** The parts of a prompt in the order in which most templates write them. */
function* sectionsOf(prompt: Prompt, tools: readonly Tool[]): Generator<Texts> {
  for (const [index, { name, description = "", parameters }] of tools.entries()) {
    yield { role: "tools", index, texts: [name, description, JSON.stringify(parameters ?? {})] };
  }
  switch (prompt.type) {
    case "chat":
      for (const [index, { role, content, reasoning = "", toolCalls = [] }] of prompt.messages.entries()) {
        const calls = toolCalls.flatMap(({ name, arguments: text }) => [name, text]);
        yield { role, index, texts: [content, reasoning, ...calls].filter((text, at) => at === 0 || text !== "") };
      }
      return;
    case "text":
      yield { role: "text", index: 0, texts: [prompt.text] };
      return;
    case "infill": {
      const files = (prompt.files ?? []).flatMap(({ name, text }) => [name, text]);
      yield { role: "text", index: 0, texts: [...files, prompt.prefix, prompt.suffix] };
      return;
    }
    case "tokens":
      yield { role: "text", index: 0, texts: tokenTexts(prompt.tokens) };
  }
}

function* tokenTexts(tokens: readonly number[]): Generator<string> {
  for (let from = 0; from < tokens.length; from += TOKENS_A_PIECE) {
    yield tokens.slice(from, from + TOKENS_A_PIECE).join(" ");
  }
}

/** The lines of a text, long ones in parts, and whether each begins a line. */
function* piecesOf(text: string): Generator<readonly [string, boolean]> {
  for (let from = 0; from <= text.length; ) {
    const found = text.indexOf("\n", from);
    const end = found < 0 ? text.length : found;
    for (let at = from; at === from || at < end; at += MAX_PIECE_CHARS) {
      yield [text.slice(at, Math.min(end, at + MAX_PIECE_CHARS)), at === from];
    }
    from = end + 1;
  }
}
