import { setImmediate } from "node:timers/promises";
import type { JsonSchema } from "../generation/request.ts";
import { compiledSchemas } from "../grammar/compiled-schemas.ts";
import { isJsonObject } from "../json/exact-number.ts";

/** The fields of a request's body that may hold schemas, in any protocol. */
const FIELDS = [
  ..."response_format text output_config output_format tools functions".split(" "),
  ..."guided_json json_schema structured_outputs format".split(" "),
];
/** Under these names they stand. */
const NAMES = ["schema", "parameters", "input_schema", "guided_json", "json_schema", "json", "format"];
/** How deep they stand at most: `tools[0].tools[0].function.parameters`. */
const MAX_DEPTH = 7;
/** How long they are compiled before others have their turn, in ms. */
const MAX_TURN_MS = 10;
/** More are compiled when they are needed. */
const MAX_SCHEMAS = 2_000;

/** Compiles the schemas of a request's body, those that take long apart from this thread. What is wrong with them is told later. */
export async function prepareSchemas(body: unknown): Promise<void> {
  if (!isJsonObject(body)) return;
  let since = performance.now();
  for (const schema of findSchemas(body)) {
    await compiledSchemas.prepare(schema);
    if (performance.now() - since > MAX_TURN_MS) {
      await setImmediate();
      since = performance.now();
    }
  }
}

function findSchemas(body: Readonly<Record<string, unknown>>): readonly JsonSchema[] {
  const found: JsonSchema[] = [];
  const pending = FIELDS.filter((field) => Object.hasOwn(body, field)).map((field) => ({
    name: field,
    value: body[field],
    depth: 1,
  }));
  for (const { name, value, depth } of pending) {
    const isSchema = NAMES.includes(name) && isJsonObject(value) && !("json_schema" in value) && !("schema" in value);
    if (isSchema) {
      found.push(value);
    } else if (typeof value === "object" && value !== null && depth < MAX_DEPTH) {
      for (const [key, inner] of Object.entries(value)) {
        pending.push({ name: key, value: inner, depth: depth + 1 });
      }
    }
    if (found.length >= MAX_SCHEMAS) break;
  }
  return found;
}
