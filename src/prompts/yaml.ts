import { type Document, isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { didYouMean } from "../config/suggest.ts";
import { PresetError } from "./errors.ts";

const MAX_PROBLEMS = 20;

type Path = readonly PropertyKey[];

/** Something that is wrong at a place of a file, in words without their place. */
export type Fault = { readonly path: Path; readonly message: string };

/** A YAML file's value, with the way back to where each part of it was written. */
export type YamlFile = {
  readonly value: unknown;
  /** `faults` as one error, each with its file, line, column and field; those beyond the first 20 are left out. */
  readonly toError: (faults: readonly Fault[]) => PresetError;
};

/** Parses a file's text; `path` is only for messages. Throws `PresetError` where it is not valid YAML. */
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

/** The file's value as `schema` has it. Throws `PresetError` that names everything that is wrong. */
export function parseFile<T extends z.ZodType>(schema: T, file: YamlFile): z.output<T> {
  const result = schema.safeParse(file.value, { reportInput: true });
  if (result.success) return result.data;
  throw file.toError(result.error.issues.flatMap((issue) => toFaults(issue, schema)));
}

function toValue(document: Document, path: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // The parser leaves aliases alone: one to nothing, or one too many, shows only now.
    throw new PresetError([`${path}: not valid YAML: ${error instanceof Error ? error.message : String(error)}.`]);
  }
}

function toFaults(issue: z.core.$ZodIssue, schema: z.ZodType): readonly Fault[] {
  if (issue.code === "unrecognized_keys") {
    const known = issue.path.length === 0 && "shape" in schema ? Object.keys(Object(schema.shape)) : [];
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      message: `no field has this name.${didYouMean(key, known)}`,
    }));
  }
  if (issue.code === "invalid_type" && issue.input === undefined) {
    return [{ path: issue.path, message: "is missing" }];
  }
  return [{ path: issue.path, message: issue.message }];
}

/** Where the entry of `path` begins: its key, or its place in a list. Of one that is not there, where the nearest around it begins. */
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

/** `examples[1].user` */
function formatPath(path: Path): string {
  return path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`),
    "",
  );
}
