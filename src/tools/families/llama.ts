import { type CallForm, eachFunction } from "../call-form.ts";
import { readJsonCall } from "../json-call.ts";

/**
 * Llama 3's form: a bare `{"name": "f", "parameters": {}}`, sometimes after `<|python_tag|>`. Any brace may begin a call, so an object is a
 * call only if it names an existing function.
 */
export const llama: CallForm = {
  openings: ["<|python_tag|>", "{"],
  triggers: ['{"name": "'],
  *read(source, tools, opening) {
    if (!(yield* readJsonCall(source, tools, opening === "{"))) return false;
    // Llama 3.2 separates calls with semicolons.
    yield* source.skipSpace();
    yield* source.take(";");
    return true;
  },
  // Its templates accept one call per turn.
  grammar(parts) {
    const { builder, begun } = parts;
    const start = begun ? "" : '{"name": "';
    return eachFunction(parts, (name, rule) => `${builder.literal(`${start}${name}", "parameters": `)} ${rule} "}"`);
  },
  write: ({ name, arguments: json }) => `{"name": ${JSON.stringify(name)}, "parameters": ${json}}`,
  example: '{"name": <function-name>, "parameters": <args-json-object>}',
};
