import { InvalidRequestError } from "../errors.ts";
import { isSet } from "../fields.ts";
import { parseWire } from "../issue.ts";
import { ollamaNameSchema } from "./schema.ts";

/** Decodes a model's name and whether to stream. Throws `InvalidRequestError` if the body names no model. */
export function decodeOllamaName(body: unknown): { readonly name: string; readonly stream: boolean } {
  const { model, name, stream } = parseWire(ollamaNameSchema, body);
  const named = [model, name].find((one) => isSet(one) && one !== "");
  if (isSet(named)) return { name: named, stream: stream ?? true };
  throw new InvalidRequestError("Missing required parameter: 'model'.", "model", "missing_required_parameter");
}
