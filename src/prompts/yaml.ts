import { type Document, isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { didYouMean } from "../config/suggest.ts";
import { PresetError } from "./preset.ts";

const MAX_PROBLEMS = 20;

type Path = readonly PropertyKey[];

/** A problem in a file. The message doesn't include the position. */
export type Fault = { readonly path: Path; readonly message: string };

/** A parsed YAML file, which can find the position of each value. */
export type YamlFile = {
  readonly value: unknown;
  /** Combines up to 20 faults into one error, each with its file, line, column and field. */
  readonly toError: (faults: readonly Fault[]) => PresetError;
};

/** Parses a file's text; `path` is for messages. Throws `PresetError` for invalid YAML. */
export function parseYaml(text: string, path: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: "error" });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    throw new PresetError(document.errors.map(({ message, pos }) => `${at(pos[0])}: not valid YAML: ${message}`));
  }
  return {
    value: toValue(document, path),
    toError: (faults) =>
      new PresetError(
        faults.slice(0, MAX_PROBLEMS).map(({ path: field, message }) => {
          const where = at(offsetOf(document, field));
          return field.length === 0 ? `${where}: ${message}` : `${where}: ${formatPath(field)}: ${message}`;
        }),
      ),
  };
}

/** Parses the file's value with `schema`. Throws `PresetError` with every problem. */
export function parseFile<T extends z.ZodType>(schema: T, file: YamlFile): z.output<T> {
  const result = schema.safeParse(file.value, { reportInput: true });
  if (result.success) return result.data;
  throw file.toError(result.error.issues.flatMap((issue) => toFaults(issue, schema)));
}

function toValue(document: Document, path: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // The parser doesn't resolve aliases: unknown or excessive ones fail only here.
    throw new PresetError([`${path}: not valid YAML: ${error instanceof Error ? error.message : String(error)}.`]);
  }
}

/** What zod's types are called in a file. */
const TYPES: ReadonlyMap<string, string> = new Map([
  ["string", "text"],
  ["number", "a number"],
  ["boolean", "true or false"],
  ["array", "a list"],
]);

function toFaults(issue: z.core.$ZodIssue, schema: z.ZodType): readonly Fault[] {
  if (issue.code === "unrecognized_keys") {
    const known = issue.path.length === 0 && "shape" in schema ? Object.keys(Object(schema.shape)) : [];
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      message: `unknown field.${didYouMean(key, known)}`,
    }));
  }
  if ((issue.code === "invalid_type" || issue.code === "invalid_union") && issue.input === undefined) {
    return [{ path: issue.path, message: "is missing" }];
  }
  if (issue.code === "invalid_union") {
    const wanted = issue.errors
      .flat()
      .flatMap((inner) =>
        inner.code === "invalid_type" && inner.path.length === 0 ? [TYPES.get(inner.expected) ?? inner.expected] : [],
      );
    if (wanted.length > 0) return [{ path: issue.path, message: `must be ${[...new Set(wanted)].join(" or ")}` }];
  }
  return [{ path: issue.path, message: issue.message }];
}

/** The offset of the key or list element at `path`. If it doesn't exist, the offset of the nearest parent. */
function offsetOf(document: Document, path: Path): number {
  let node: unknown = document.contents;
  let offset = isMap(node) || isSeq(node) || isScalar(node) ? (node.range?.[0] ?? 0) : 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (pair === undefined) return offset;
      offset = isScalar(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      offset = isMap(node) || isSeq(node) || isScalar(node) ? (node.range?.[0] ?? offset) : offset;
    } else {
      return offset;
    }
  }
  return offset;
}

/** Formats a path: `examples[1].user`. */
function formatPath(path: Path): string {
  return path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`),
    "",
  );
}
