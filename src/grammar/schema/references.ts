import type { JsonSchema } from "../../generation/request.ts";
import { stepPath, UnsupportedSchemaError } from "../errors.ts";
import { MAX_DEPTH, MAX_NODES } from "../limits.ts";
import { isRecord, isSchema } from "./keywords.ts";
import type { Located } from "./variant.ts";

/** Finds what a `$ref` refers to, by its JSON pointer (RFC 6901) from the root of the schema. */
export function resolveReference(root: Located, reference: string, path: string): Located {
  const refuse = (reason: string) => new UnsupportedSchemaError(path, "$ref", reason);
  const base = isRecord(root.schema) && typeof root.schema.$id === "string" ? root.schema.$id : undefined;
  const pointer = base !== undefined && reference.startsWith(`${base}#`) ? reference.slice(base.length) : reference;
  if (pointer !== "#" && !pointer.startsWith("#/")) {
    throw refuse(
      `'${reference.slice(0, 64)}' is not in this schema; only references such as '#/$defs/name' can be followed`,
    );
  }
  let target: unknown = root.schema;
  let targetPath = root.path;
  for (const step of pointer.split("/").slice(1)) {
    const key = decodePointer(step);
    if (Array.isArray(target)) {
      target = /^\d{1,6}$/.test(key) ? target[Number(key)] : undefined;
      targetPath = stepPath(targetPath, Number(key));
    } else {
      target = isRecord(target) && Object.hasOwn(target, key) ? target[key] : undefined;
      targetPath = stepPath(targetPath, key);
    }
  }
  if (!isSchema(target)) {
    throw refuse(`there is no schema at '${reference.slice(0, 64)}'`);
  }
  return { schema: target, path: targetPath };
}

function decodePointer(step: string): string {
  let decoded = step;
  try {
    decoded = decodeURIComponent(step);
  } catch {
    // A lone % is meant as it is.
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
