/**
 * A schema, a regular expression or a grammar that can't be enforced. The client must change it: the protocols answer 400.
 */
export class UnsupportedSchemaError extends Error {
  override readonly name = "UnsupportedSchemaError";
  /** The path in the request, such as `response_format.json_schema.schema.properties.age`. */
  readonly path: string;
  /** The keyword that can't be honoured, such as `uniqueItems`. */
  readonly keyword: string;
  /** Why not, and what to do instead, as a clause without a full stop. */
  readonly reason: string;

  constructor(path: string, keyword: string, reason: string) {
    super(`'${keyword}' in '${path}' can't be honoured: ${reason}.`);
    this.path = path;
    this.keyword = keyword;
    this.reason = reason;
  }
}

/** The start of all paths in compiled schemas and texts. Callers replace it with the path in the request. */
export const ROOT_PATH = "$";

/** Replaces the `ROOT_PATH` at the start of `path` with `root`. */
export function placeIn(root: string, path: string): string {
  return root + path.slice(ROOT_PATH.length);
}

const PLAIN_KEY = /^[A-Za-z_$][\w$]*$/;

/** `path` with one more step: `a.b`, `a[0]` or `a["b c"]`. */
export function stepPath(path: string, key: string | number): string {
  if (typeof key === "number") {
    return `${path}[${key}]`;
  }
  const shown = key.length > 64 ? `${key.slice(0, 64)}…` : key;
  return PLAIN_KEY.test(shown) ? `${path}.${shown}` : `${path}[${JSON.stringify(shown)}]`;
}
