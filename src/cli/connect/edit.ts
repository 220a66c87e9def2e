import { isDeepStrictEqual } from "node:util";
import { parse as parseToml, patch as patchToml } from "@decimalturn/toml-patch";
import {
  applyEdits,
  type JSONPath,
  modify,
  type ParseError,
  parse as parseJson,
  printParseErrorCode,
} from "jsonc-parser";
import { parseDocument } from "yaml";
import { z } from "zod";

type Json = string | number | boolean | readonly Json[] | { readonly [name: string]: Json };

/** What a settings file shall say: a value at a path, or one that is only its `default`; or an item of the list there, in place of the one with the same `by`. */
export type Edit =
  | { readonly path: readonly string[]; readonly value: Json }
  | { readonly path: readonly string[]; readonly default: Json }
  | { readonly path: readonly string[]; readonly by: string; readonly item: { readonly [name: string]: Json } };

export type Format = "json" | "yaml" | "toml";

/** A settings file that can't be edited. The message says what is wrong in it, and where. */
export class UneditableError extends Error {
  override readonly name = "UneditableError";
}

type Found = {
  readonly parsed: unknown;
  readonly set: (path: readonly (string | number)[], value: Json) => void;
  readonly text: () => string;
};

/**
 * Returns the text of a settings file after the edits; all else in it stays, comments too. An empty text is an empty file. Throws an
 * UneditableError if the text isn't in its format, or has something else where the edits belong.
 */
export function edit(text: string, format: Format, edits: readonly Edit[]): string {
  return edits.reduce((before, each) => {
    const file = OPEN[format](before);
    requireRoom(file.parsed, each.path.slice(0, -1));
    if ("value" in each) file.set(each.path, each.value);
    else if ("default" in each) {
      if (at(file.parsed, each.path) !== undefined) return before;
      file.set(each.path, each.default);
    } else {
      const list = at(file.parsed, each.path) ?? [];
      if (!Array.isArray(list)) throw new UneditableError(`${each.path.join(".")} is no list`);
      const place = list.findIndex((item) => at(item, [each.by]) === each.item[each.by]);
      if (list.length === 0) file.set(each.path, [each.item]);
      else file.set([...each.path, place === -1 ? list.length : place], each.item);
    }
    return file.text();
  }, text);
}

const OPEN: Readonly<Record<Format, (text: string) => Found>> = {
  json: openJson,
  yaml: openYaml,
  toml: openToml,
};

/** JSON as editors write it: with comments, and with commas at the end. */
function openJson(text: string): Found {
  const errors: ParseError[] = [];
  const whole = text.trim() === "" ? "{}\n" : text;
  const parsed: unknown = parseJson(whole, errors, { allowTrailingComma: true });
  const [error] = errors;
  if (error !== undefined) {
    throw new UneditableError(`line ${lineOf(whole, error.offset)}: ${printParseErrorCode(error.error)}`);
  }
  let edited = whole;
  const indent = /^(\t| +)\S/m.exec(whole)?.[1] ?? "  ";
  return {
    parsed,
    set(path, value) {
      const target: JSONPath = [...path];
      const formattingOptions = {
        insertSpaces: indent !== "\t",
        tabSize: indent.length,
        eol: whole.includes("\r\n") ? "\r\n" : "\n",
      };
      edited = applyEdits(edited, modify(edited, target, value, { formattingOptions }));
    },
    text: () => edited,
  };
}

function openYaml(text: string): Found {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) throw new UneditableError(error.message.split("\n")[0] ?? error.message);
  return {
    parsed: document.toJS({ maxAliasCount: 100 }),
    set: (path, value) => document.setIn(path, document.createNode(value)),
    text: () => document.toString({ lineWidth: 0, flowCollectionPadding: true }),
  };
}

function openToml(text: string): Found {
  const parsed = readToml(text);
  let changed: unknown = parsed;
  return {
    parsed,
    set(path, value) {
      changed = withValue(changed, path, value);
    },
    text() {
      const edited = patchToml(text, changed, { inlineTableStart: 2 });
      // Somebody's settings: nothing is lost because the library knows a form of TOML less well.
      if (!isDeepStrictEqual(plain(readToml(edited)), plain(changed)))
        throw new UneditableError("it can't be changed without loss");
      return edited;
    },
  };
}

/** Only what can be written, without the library's own kinds of objects. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function readToml(text: string): unknown {
  try {
    return parseToml(text);
  } catch (error) {
    throw new UneditableError(
      error instanceof Error ? error.message.replaceAll(/\s*\n\s*/g, " ").trim() : String(error),
    );
  }
}

const table = z.record(z.string(), z.unknown());

/** A copy of tables and lists with a value at a path. */
function withValue(whole: unknown, [step, ...rest]: readonly (string | number)[], value: Json): unknown {
  if (step === undefined) return value;
  if (typeof step === "number") {
    const list: readonly unknown[] = Array.isArray(whole) ? whole : [];
    return [...list.slice(0, step), withValue(list[step], rest, value), ...list.slice(step + 1)];
  }
  const entries = table.catch({}).parse(whole);
  return { ...entries, [step]: withValue(entries[step], rest, value) };
}

/** Requires that what is on the way to a path can hold more: tables, or nothing yet. */
function requireRoom(parsed: unknown, path: readonly string[]): void {
  for (let length = 0; length <= path.length; length++) {
    const part = path.slice(0, length);
    const held = at(parsed, part);
    if (held !== undefined && held !== null && !table.safeParse(held).success) {
      throw new UneditableError(`${part.join(".") || "the file"} holds something else than settings by name`);
    }
  }
}

function at(parsed: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((held, name) => {
    const entries = table.safeParse(held);
    return entries.success && Object.hasOwn(entries.data, name) ? entries.data[name] : undefined;
  }, parsed);
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}
