import { type Document, isNode, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { readBytes } from "../read-file.ts";
import { parseDate } from "./duration.ts";
import type { FixedKey } from "./fixed.ts";
import { nameSchema, policySchema } from "./key.ts";
import { hashSecret } from "./secret.ts";

/** A larger file isn't a file of keys, and was named by mistake. */
const MAX_FILE_BYTES = 1024 * 1024;
const MAX_KEYS = 1_000;

/** Marks the hash of a secret, given instead of the secret. */
const HASH_PREFIX = "sha256:";

/** The file of keys is invalid. The message lists every problem on a line of its own, with its place in the file, and quotes no secret. */
export class KeysFileError extends Error {
  override readonly name = "KeysFileError";

  constructor(problems: readonly string[]) {
    super(`The keys can't be used:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
  }
}

const secretSchema = z
  .string()
  .regex(
    /^(sha256:[0-9a-f]{64}|[\x21-\x7e]{16,256})$/,
    "give sha256: and 64 hexadecimal digits, or 16 to 256 characters",
  );

const expirySchema = z
  .string()
  .refine((text) => parseDate(text) !== undefined, "give a date such as 2027-01-31 or 2027-01-31T12:00:00Z")
  .transform((text) => parseDate(text) ?? 0);

const entrySchema = z.strictObject({
  name: nameSchema,
  key: secretSchema,
  expires: expirySchema.optional(),
  ...policySchema.shape,
});

const fileSchema = z.strictObject({ keys: z.array(entrySchema).min(1, "give at least one key").max(MAX_KEYS) });

/** Reads a file's text. Throws Node's errors. */
export type ReadText = (path: string) => string;

/**
 * Reads the keys from a YAML file. `shownPath` is the path in messages. Throws a `KeysFileError` if the file can't be read, isn't valid, or
 * contains a name or a secret twice.
 */
export function readKeysFile(path: string, shownPath: string, readText: ReadText = readBounded): readonly FixedKey[] {
  const { content, lineOf } = parse(readOrExplain(path, shownPath, readText), shownPath);
  const parsed = fileSchema.safeParse(content);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      ({ path: place, message }) => `${shownPath}:${lineOf(place)}: ${showPlace(place)}: ${message}.`,
    );
    throw new KeysFileError(problems);
  }
  const keys = parsed.data.keys.map(toFixedKey);
  const twice = findTwice(keys).map(({ index, problem }) => `${shownPath}:${lineOf(["keys", index])}: ${problem}`);
  if (twice.length > 0) throw new KeysFileError(twice);
  return keys;
}

/** `keys, entry 1: name`. An entry's own name isn't shown: a secret may stand there by mistake. */
function showPlace([list, index, ...inner]: readonly PropertyKey[]): string {
  if (list === undefined) return "the file";
  if (typeof index !== "number") return String(list);
  return [`${String(list)}, entry ${index + 1}`, ...(inner.length > 0 ? [inner.join(".")] : [])].join(": ");
}

type Parsed = {
  readonly content: unknown;
  /** The line of the value at a place, or of the nearest value that contains it. */
  readonly lineOf: (place: readonly PropertyKey[]) => number;
};

/** Reports only the place and code of a syntax error, since the parser's messages may quote secrets. */
function parse(text: string, shownPath: string): Parsed {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: "error" });
  const [broken] = document.errors;
  if (broken !== undefined) {
    const { line, col } = lines.linePos(broken.pos[0]);
    throw new KeysFileError([`${shownPath}:${line}:${col}: not valid YAML (${broken.code}).`]);
  }
  return {
    content: readContent(document, shownPath),
    lineOf(place) {
      for (let length = place.length; length >= 0; length--) {
        const node = document.getIn(place.slice(0, length), true);
        if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
      }
      return 1;
    },
  };
}

/** Resolves aliases, so an alias without an anchor, or too many of them, is found here. */
function readContent(document: Document, shownPath: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    throw new KeysFileError([
      `${shownPath}: not valid YAML: an alias (*NAME) has no anchor (&NAME), or there are too many.`,
    ]);
  }
}

function toFixedKey({ name, key, expires, ...policy }: z.infer<typeof entrySchema>): FixedKey {
  const hash = key.startsWith(HASH_PREFIX) ? key.slice(HASH_PREFIX.length) : hashSecret(key);
  return { hash, key: { id: `file:${name.toLowerCase()}`, name, source: "file", expiresMs: expires, policy } };
}

function findTwice(keys: readonly FixedKey[]): readonly { readonly index: number; readonly problem: string }[] {
  const [ids, hashes] = [new Set<string>(), new Set<string>()];
  return keys.flatMap(({ hash, key: { id, name } }, index) => {
    const hasName = ids.has(id);
    const hasSecret = hashes.has(hash);
    ids.add(id);
    hashes.add(hash);
    if (hasName) return { index, problem: `the name ${name} is used twice.` };
    return hasSecret ? { index, problem: `${name}: another key has this secret.` } : [];
  });
}

function readOrExplain(path: string, shownPath: string, readText: ReadText): string {
  try {
    return readText(path);
  } catch (error) {
    throw new KeysFileError([
      `${shownPath}: can't be read: ${error instanceof Error ? error.message : String(error)}.`,
    ]);
  }
}

function readBounded(path: string): string {
  const bytes = readBytes(path, MAX_FILE_BYTES + 1);
  if (bytes.length > MAX_FILE_BYTES) throw new Error("it is larger than 1 MiB, the limit for a file of keys");
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}
