import { readFileSync } from "node:fs";
import { isNode, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { parseDate } from "./duration.ts";
import type { FixedKey } from "./fixed.ts";
import { nameSchema, policySchema } from "./policy.ts";
import { hashSecret } from "./secret.ts";

/** A file of keys is a few pages of text; anything larger is another file, named by mistake. */
const MAX_FILE_BYTES = 1024 * 1024;
const MAX_KEYS = 1_000;

/** Keys that can't be used. Its message lists every problem, one a line, with the file and the line, and quotes no secret. */
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
 * The keys in a YAML file. `shownPath` is the path in messages. Throws a `KeysFileError` where the file can't be read, isn't YAML, breaks
 * the rules, or holds a name or a secret twice.
 */
export function readKeysFile(path: string, shownPath: string, readText: ReadText = readBounded): readonly FixedKey[] {
  const lines = new LineCounter();
  const document = parseDocument(readOrExplain(path, shownPath, readText), {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: "error",
  });
  const [broken] = document.errors;
  if (broken !== undefined) {
    const { line, col } = lines.linePos(broken.pos[0]);
    // The parser's own words may quote the text, which holds secrets.
    throw new KeysFileError([`${shownPath}:${line}:${col}: not valid YAML (${broken.code}).`]);
  }
  const parsed = fileSchema.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (!parsed.success) {
    throw new KeysFileError(
      parsed.error.issues.map(({ path: place, message }) => {
        const line = lineOf(place);
        return `${shownPath}:${line}: ${place.join(".") || "the file"}: ${message}.`;
      }),
    );
  }

  function lineOf(place: readonly PropertyKey[]): number {
    for (let length = place.length; length >= 0; length--) {
      const node = document.getIn(place.slice(0, length), true);
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    }
    return 1;
  }

  const keys = parsed.data.keys.map(({ name, key, expires, ...policy }) => ({
    hash: key.startsWith("sha256:") ? key.slice("sha256:".length) : hashSecret(key),
    key: { id: `file:${name.toLowerCase()}`, name, source: "file" as const, expiresMs: expires, policy },
  }));
  const twice = keys.flatMap(({ hash, key }, index) => {
    const before = keys.slice(0, index);
    const line = lineOf(["keys", index]);
    if (before.some((other) => other.key.id === key.id))
      return [`${shownPath}:${line}: the name ${key.name} is there twice.`];
    return before.some((other) => other.hash === hash)
      ? [`${shownPath}:${line}: ${key.name}: another key has this secret.`]
      : [];
  });
  if (twice.length > 0) throw new KeysFileError(twice);
  return keys;
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
  const bytes = readFileSync(path);
  if (bytes.length > MAX_FILE_BYTES) throw new Error("it is larger than 1 MiB, which no file of keys is");
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}
