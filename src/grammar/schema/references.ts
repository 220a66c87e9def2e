import type { JsonSchema } from "../../generation/request.ts";
import { stepPath, UnsupportedSchemaError } from "../errors.ts";
import { MAX_DEPTH, MAX_NODES } from "../limits.ts";
import { isRecord, isSchema } from "./keywords.ts";
import type { Located } from "./variant.ts";

/** Resolves the references in one schema. */
export type References = {
  /** Throws `UnsupportedSchemaError` when the target isn't in the schema. */
  readonly resolve: (reference: string, path: string) => Located;
};

/** Follows JSON pointers (RFC 6901) from the root or from a schema with an `$id`, and the names of `$anchor`. */
export function createReferences(root: Located): References {
  let names: ReadonlyMap<string, Located> | undefined;

  function resolve(reference: string, path: string): Located {
    const refuse = (reason: string) => new UnsupportedSchemaError(path, "$ref", reason);
    if (reference.startsWith("#/") || reference === "#") {
      return follow(root, reference, refuse);
    }
    names ??= findNames(root);
    const split = reference.indexOf("#");
    const pointer = split < 0 ? "#" : reference.slice(split);
    const isPointer = pointer === "#" || pointer.startsWith("#/");
    const target = names.get(isPointer ? reference.slice(0, split < 0 ? undefined : split) : pointer);
    if (target === undefined) {
      throw refuse(`'${reference.slice(0, 64)}' is not in this schema; only references within it can be followed`);
    }
    return isPointer ? follow(target, pointer, refuse) : target;
  }
  return { resolve };
}

/** Finds the schemas with an `$id`, by it and by its last part, and with an `$anchor`, by `#` and its name. The first of a name counts. */
function findNames(root: Located): ReadonlyMap<string, Located> {
  const names = new Map<string, Located>();
  const pending: { readonly value: unknown; readonly path: string }[] = [{ value: root.schema, path: root.path }];
  for (const { value, path } of pending) {
    if (isRecord(value)) {
      const { $id, $anchor, $dynamicAnchor } = value;
      const given = [
        ...(typeof $id === "string" ? [$id, $id.replace(/^.*\/(?=[^/]+$)/, "")] : []),
        ...[$anchor, $dynamicAnchor].flatMap((name) => (typeof name === "string" ? [`#${name}`] : [])),
      ];
      for (const name of given.filter((name) => !names.has(name))) {
        names.set(name, { schema: value, path });
      }
    }
    const steps = Array.isArray(value) ? [...value.entries()] : isRecord(value) ? Object.entries(value) : [];
    for (const [key, inner] of steps) {
      if (typeof inner === "object" && inner !== null) {
        pending.push({ value: inner, path: stepPath(path, key) });
      }
    }
  }
  return names;
}

function follow(from: Located, pointer: string, refuse: (reason: string) => Error): Located {
  let target: unknown = from.schema;
  let path = from.path;
  for (const step of pointer.split("/").slice(1)) {
    const key = decodePointer(step);
    if (Array.isArray(target)) {
      target = /^\d{1,6}$/.test(key) ? target[Number(key)] : undefined;
      path = stepPath(path, Number(key));
    } else {
      target = isRecord(target) && Object.hasOwn(target, key) ? target[key] : undefined;
      path = stepPath(path, key);
    }
  }
  if (!isSchema(target)) {
    throw refuse(`there is no schema at '${pointer.slice(0, 64)}'`);
  }
  return { schema: target, path };
}

function decodePointer(step: string): string {
  let decoded = step;
  try {
    decoded = decodeURIComponent(step);
  } catch {
    // A lone % is literal.
  }
  return decoded.replaceAll("~1", "/").replaceAll("~0", "~");
}

/** Throws `UnsupportedSchemaError` when `schema` is nested too deep or too large, before anything walks through it. */
export function boundSchema(schema: JsonSchema, path: string): void {
  const pending: { readonly value: unknown; readonly depth: number }[] = [{ value: schema, depth: 1 }];
  let seen = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    seen += 1;
    if (next.depth > MAX_DEPTH) {
      throw new UnsupportedSchemaError(path, "schema", `it is nested deeper than ${MAX_DEPTH} levels`);
    }
    if (seen > MAX_NODES) {
      throw new UnsupportedSchemaError(path, "schema", `it has more than ${MAX_NODES} values`);
    }
    if (typeof next.value === "object" && next.value !== null) {
      for (const value of Object.values(next.value)) {
        pending.push({ value, depth: next.depth + 1 });
      }
    }
  }
}
