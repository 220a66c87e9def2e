import { randomInt, randomUUID } from "node:crypto";
import { isNumber } from "../../json/exact-number.ts";
import type { ControlFinder, TextPart } from "../contract/native.ts";
import { spellForPrompt } from "./exact-number.ts";

/** The renderer's limit for the depth of values. */
const MAX_DEPTH = 256;

/** Each hidden number is identified by five digits. */
const FIRST_NUMBER = 10_000;
const MAX_NUMBERS = 90_000;

/**
 * Replaces suspicious parts of texts, and numbers that the template engine would write differently, by placeholders that pass a template
 * unchanged; and puts the originals back into the rendered text.
 */
type Disguise = {
  /** Hides all strings, keys and numbers of a JSON value. Throws if it is nested too deep. */
  hideAll(value: Readonly<Record<string, unknown>>): Record<string, unknown>;
  /** Splits the rendered text into parts. The parts that were hidden are marked as suspicious. */
  reveal(rendered: string): TextPart[];
};

export function createDisguise(finder: ControlFinder): Disguise {
  // Only letters and digits, which no template escapes.
  const mark = `x${randomUUID().replaceAll("-", "")}n`;
  const hidden: string[] = [];
  // An integer, because a template may require a number. Its first ten digits are random.
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
      // A template may omit a text or write it twice, so placeholders are searched, not counted.
      const parts = rendered.split(new RegExp(`${mark}(\\d+)x`));
      return parts
        .map((part, index) => (index % 2 === 0 ? part : (hidden[Number(part)] ?? "")))
        .map((text, index) => ({ text, suspicious: index % 2 === 1 }))
        .filter(({ text }) => text !== "");
    },
  };
}
