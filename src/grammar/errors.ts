/**
 * A schema, a regular expression or a grammar that the output can't be held to. It is the client's to change: the protocols make a 400 of it.
 */
export class UnsupportedSchemaError extends Error {
  override readonly name = "UnsupportedSchemaError";
  /** Where in the request it stands, such as `response_format.json_schema.schema.properties.age`. */
  readonly path: string;
  /** The keyword that can't be honoured, such as `uniqueItems`. */
  readonly keyword: string;
  /** Why not, and what to do instead: half a sentence. */
  readonly reason: string;

  constructor(path: string, keyword: string, reason: string) {
    super(`'${keyword}' in '${path}' can't be honoured: ${reason}.`);
    this.path = path;
    this.keyword = keyword;
    this.reason = reason;
  }
}

/** Where the paths of what is compiled begin. What stands in front of it in a request, only the request knows. */
export const ROOT_PATH = "$";

/** `path`, which begins with `ROOT_PATH`, as one that begins with `root`. */
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
