import { type CallForm, eachFunction } from "../call-form.ts";
import { readJsonCall } from "../json-call.ts";

/**
 * Llama 3's: `{"name": "f", "parameters": {}}` and nothing around it, sometimes after `<|python_tag|>`. Any brace may begin one, so an
 * object is a call only where it names a function that there is.
 */
export const llama: CallForm = {
  openings: ["<|python_tag|>", "{"],
  triggers: ['{"name": "'],
  *read(source, tools, opening) {
    if (!(yield* readJsonCall(source, tools, opening === "{"))) return false;
    // Llama 3.2 parts several calls with semicolons.
    yield* source.skipSpace();
    yield* source.take(";");
    return true;
  },
  // Its templates take one call a turn.
  grammar(parts) {
    const { builder, begun } = parts;
    const start = begun ? "" : '{"name": "';
    return eachFunction(parts, (name, rule) => `${builder.literal(`${start}${name}", "parameters": `)} ${rule} "}"`);
  },
  write: ({ name, arguments: json }) => `{"name": ${JSON.stringify(name)}, "parameters": ${json}}`,
  example: '{"name": <function-name>, "parameters": <args-json-object>}',
};
