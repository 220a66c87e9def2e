import { randomInt, randomUUID } from "node:crypto";
import { isNumber } from "../../json/exact-number.ts";
import { spellForPrompt } from "./exact-number.ts";

/** Finds in a text what tokenization could take for a control token. */
export type ControlFinder = {
  /**
   * The text in parts, joined again by concatenation; undefined where nothing of it is suspicious. Suspicious are control tokens'
   * spellings, and at the text's ends parts of them, which what stands beside the text could complete.
   */
  split(text: string): readonly TextPart[] | undefined;
  /**
   * The first place at `from` or behind it where the tokenizer begins anew in any case, so that the text may be cut there: behind a control
   * token. Undefined where there is none.
   */
  cutAfter(text: string, from: number): number | undefined;
};

export type TextPart = { readonly text: string; readonly suspicious: boolean };

/**
 * @param spellings of control tokens
 * @param others spellings that are tokens wherever they stand, too, though no control tokens
 */
export function createControlFinder(spellings: readonly string[], others: readonly string[] = []): ControlFinder {
  // Where two begin alike the longer one must win, or its rest would stay.
  const longestFirst = [...spellings].sort((a, b) => b.length - a.length);
  const whole = new RegExp(longestFirst.map(escapePattern).join("|") || "(?!)", "g");
  const beginnings = new Set<string>();
  const endings = new Set<string>();
  for (const spelling of spellings) {
    for (let length = 1; length < spelling.length; length++) {
      beginnings.add(spelling.slice(0, length));
      endings.add(spelling.slice(length));
    }
  }
  const longestPart = (longestFirst[0]?.length ?? 0) - 1;

  function endingAtStart(text: string): number {
    for (let length = Math.min(longestPart, text.length); length > 0; length--) {
      if (endings.has(text.slice(0, length))) return length;
    }
    return 0;
  }

  function beginningAtEnd(text: string): number {
    for (let length = Math.min(longestPart, text.length); length > 0; length--) {
      if (beginnings.has(text.slice(text.length - length))) return length;
    }
    return 0;
  }

  const standsAlone = findLoners([...spellings, ...others]);

  return {
    cutAfter(text, from) {
      whole.lastIndex = from;
      for (let match = whole.exec(text); match !== null; match = whole.exec(text)) {
        const end = match.index + match[0].length;
        // Some tokens take the space beside them along.
        if (standsAlone(match[0]) && !/\s/.test(text.charAt(end))) return end;
      }
      return undefined;
    },
    split(text) {
      const parts: TextPart[] = [];
      const add = (part: string, suspicious: boolean) => {
        if (part !== "") parts.push({ text: part, suspicious });
      };
      const matches = [...text.matchAll(whole)];
      const firstEnd = matches[0]?.index ?? text.length;
      const head = endingAtStart(text.slice(0, firstEnd));
      let at = head;
      add(text.slice(0, head), true);
      for (const { 0: spelling, index } of matches) {
        add(text.slice(at, index), false);
        add(spelling, true);
        at = index + spelling.length;
      }
      const tail = text.slice(at);
      const cut = tail.length - beginningAtEnd(tail);
      add(tail.slice(0, cut), false);
      add(tail.slice(cut), true);
      return parts.some(({ suspicious }) => suspicious) ? parts : undefined;
    },
  };
}

/**
 * Which spellings become their token wherever they stand: those that no other one can overlap. Among others the tokenizer may choose
 * otherwise than from left to right.
 */
function findLoners(spellings: readonly string[]): (spelling: string) => boolean {
  const known = new Map<string, boolean>();
  let parts: { readonly beginnings: ReadonlySet<string>; readonly endings: ReadonlySet<string> } | undefined;

  function isLoner(spelling: string): boolean {
    parts ??= {
      beginnings: new Set(spellings.flatMap((each) => Array.from(each, (_, at) => each.slice(0, at + 1)))),
      endings: new Set(spellings.flatMap((each) => Array.from(each, (_, at) => each.slice(at)))),
    };
    for (let at = 1; at < spelling.length; at++) {
      if (parts.beginnings.has(spelling.slice(at)) || parts.endings.has(spelling.slice(0, at))) return false;
    }
    return spellings.every((each) => each === spelling || !(each.includes(spelling) || spelling.includes(each)));
  }

  return (spelling) => {
    const loner = known.get(spelling) ?? isLoner(spelling);
    known.set(spelling, loner);
    return loner;
  };
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/** How deep values may be nested that a template gets: the renderer's own bound. */
const MAX_DEPTH = 256;

/** Each hidden number has five digits of its own; so many are more than any schema has. */
const FIRST_NUMBER = 10_000;
const MAX_NUMBERS = 90_000;

/**
 * Hides what is suspicious in texts, and the numbers that a template engine writes in its own way, behind placeholders, which pass a
 * template unchanged, and finds it again in what was rendered.
 */
export type Disguise = {
  /** All strings and numbers of a JSON value, its keys included. Throws where it is nested deeper than a template may get. */
  hideAll(value: Readonly<Record<string, unknown>>): Record<string, unknown>;
  /** The rendered text in parts: the suspicious ones are what was hidden. */
  reveal(rendered: string): TextPart[];
};

export function createDisguise(finder: ControlFinder): Disguise {
  // Letters and digits alone, so that no template escapes them.
  const mark = `x${randomUUID().replaceAll("-", "")}n`;
  const hidden: string[] = [];
  // An integer passes as one wherever a template asks for a number. Its ten first digits are drawn.
  const numberMark = randomInt(1_000_000_000, 9_000_000_000).toString();
  const numbers = new Map<string, number>();

  function hideNumber(spelling: string): number {
    const index = numbers.get(spelling) ?? numbers.size;
    if (index >= MAX_NUMBERS) throw new Error(`More than ${MAX_NUMBERS} different numbers can't be rendered.`);
    numbers.set(spelling, index);
    return Number(`${numberMark}${FIRST_NUMBER + index}`);
  }

  function revealNumbers(rendered: string): string {
    if (numbers.size === 0) return rendered;
    const spellings = [...numbers.keys()];
    return rendered.replace(
      new RegExp(`${numberMark}(\\d{5})`, "g"),
      (all, index: string) => spellings[Number(index) - FIRST_NUMBER] ?? all,
    );
  }

  function hide(text: string): string {
    const parts = finder.split(text);
    if (parts === undefined) return text;
    return parts.map((part) => (part.suspicious ? `${mark}${hidden.push(part.text) - 1}x` : part.text)).join("");
  }

  function hideAll(value: unknown, depth: number): unknown {
    if (typeof value === "string") return hide(value);
    if (isNumber(value)) {
      const spelled = spellForPrompt(value);
      return typeof spelled === "number" ? spelled : hideNumber(spelled);
    }
    if (typeof value !== "object" || value === null) return value;
    if (depth > MAX_DEPTH) throw new Error(`Values nested more than ${MAX_DEPTH} deep can't be rendered.`);
    if (Array.isArray(value)) return value.map((each) => hideAll(each, depth + 1));
    return hideEntries(value, depth);
  }

  function hideEntries(value: object, depth: number): Record<string, unknown> {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [hide(key), hideAll(each, depth + 1)]));
  }

  return {
    hideAll: (value) => hideEntries(value, 0),
    reveal(disguised) {
      const rendered = revealNumbers(disguised);
      if (hidden.length === 0) return [{ text: rendered, suspicious: false }];
      // A template may leave a text out or show it twice, so the placeholders are looked for, not counted.
      const parts = rendered.split(new RegExp(`${mark}(\\d+)x`));
      return parts
        .map((part, index) => (index % 2 === 0 ? part : (hidden[Number(part)] ?? "")))
        .map((text, index) => ({ text, suspicious: index % 2 === 1 }))
        .filter(({ text }) => text !== "");
    },
  };
}
