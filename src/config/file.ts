import { type Document, isMap, isNode, isScalar, LineCounter, type Pair, parseDocument } from "yaml";
import { readBytes } from "../read-file.ts";
import { formerSettings } from "./former.ts";
import { ConfigError } from "./problems.ts";
import { type Setting, settings } from "./settings.ts";
import { didYouMean } from "./suggest.ts";

/** Settings are a page of text; anything larger is another file, named by mistake. */
const MAX_FILE_BYTES = 1024 * 1024;

/** Reads a file's bytes, `maxBytes` at most. Throws Node's errors. */
export type ReadFile = (path: string, maxBytes: number) => Uint8Array;

/** A setting found in the file, and the line (from 1) that it was written on. */
type FoundKey = { readonly setting: Setting; readonly value: unknown; readonly line: number };

/** What a configuration file holds: its settings, and a problem for each key that is none. */
export type FileContent = { readonly found: readonly FoundKey[]; readonly problems: readonly string[] };

/**
 * Reads and parses `sluice.yaml`. `shownPath` is the path in messages. Throws a ConfigError when the file can't be read, is larger
 * than 1 MiB, or isn't a YAML mapping.
 */
export function readConfigFile(path: string, shownPath: string, readFile: ReadFile = readBytes): FileContent {
  const lines = new LineCounter();
  const document = parseDocument(readText(path, shownPath, readFile), {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: "error",
  });
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors.map(({ message, pos }) => {
        const { line, col } = lines.linePos(pos[0]);
        return `${shownPath}:${line}:${col}: not valid YAML: ${message}`;
      }),
    );
  }
  if (document.contents === null || isNothing(document.contents)) return { found: [], problems: [] };
  if (!isMap(document.contents)) {
    throw new ConfigError([`${shownPath}: must hold one setting a line, such as \`port: 8080\`.`]);
  }

  const found: FoundKey[] = [];
  const problems: string[] = [];
  const byName = new Map([...settings, ...formerSettings].map((setting) => [setting.name, setting]));
  for (const pair of document.contents.items) {
    const key = String(isScalar(pair.key) ? pair.key.value : pair.key);
    const line = lines.linePos(startOf(pair)).line;
    const setting = byName.get(key);
    if (setting === undefined) {
      problems.push(
        `${shownPath}:${line}: ${key}: no setting has this name.${didYouMean(
          key,
          settings.map(({ name }) => name),
        )}`,
      );
      continue;
    }
    try {
      found.push({ setting, value: readValue(pair, setting, document), line });
    } catch (error) {
      // The parser leaves aliases alone: one to nothing, or one too many, shows only now.
      problems.push(
        `${shownPath}:${line}: ${key}: not valid YAML: ${error instanceof Error ? error.message : String(error)}.`,
      );
    }
  }
  return { found, problems };
}

/** What stands after `---` when nothing does. */
function isNothing(node: unknown): boolean {
  return isScalar(node) && node.value === null;
}

function startOf({ key }: Pair): number {
  return isScalar(key) ? (key.range?.[0] ?? 0) : 0;
}

/**
 * A lone value stands for a list of one, so that `model: NAME` needs no brackets; `name: value` below a list for `name=value`; and `key: value`
 * below a name of a section for `name.key=value`. Groups keep their keys, and get their names.
 */
function readValue({ value }: Pair, setting: Setting, document: Document): unknown {
  const plain: unknown = isNode(value) ? value.toJS(document) : value;
  if (setting.isList && isMap(value)) {
    const entries = Object.entries<unknown>(Object(plain));
    if (setting.valueSchema.isGroups === true) return entries.map(([name, group]) => nameGroup(name, group));
    return setting.valueSchema.isSection === true
      ? entries.flatMap(([name, group]) => Object.entries(Object(group)).map(([key, of]) => `${name}.${key}=${of}`))
      : entries.map(([key, of]) => `${key}=${of}`);
  }
  const isLone = setting.isList && plain !== null && !Array.isArray(plain);
  return isLone ? [plain] : plain;
}

/** A text is the entry's short form; a list is the entry's `value`, for which its schema has a key. */
function nameGroup(name: string, group: unknown): unknown {
  if (Array.isArray(group)) return { name, value: group };
  return typeof group === "object" ? { name, ...group } : `${name}=${group}`;
}

function readText(path: string, shownPath: string, readFile: ReadFile): string {
  try {
    const bytes = readFile(path, MAX_FILE_BYTES + 1);
    if (bytes.length <= MAX_FILE_BYTES) return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new ConfigError([`${shownPath}: can't be read: ${reasonOf(error)}`]);
  }
  throw new ConfigError([`${shownPath}: is larger than 1 MiB, which no configuration is. Is it the right file?`]);
}

function reasonOf(error: unknown): string {
  switch (error instanceof Error && "code" in error ? error.code : undefined) {
    case "ENOENT":
      return "there is no such file.";
    case "EACCES":
    case "EPERM":
      return "this user may not read it.";
    case "EISDIR":
      return "it is a folder. Name the file in it.";
    case "ERR_ENCODING_INVALID_ENCODED_DATA":
      return "it isn't UTF-8 text.";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
