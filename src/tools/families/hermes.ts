import { type CallForm, eachFunction, furtherCalls } from "../call-form.ts";
import { readJsonCall } from "../json-call.ts";

/**
 * Hermes' form, which Qwen and many others use: `<tool_call>{"name": "f", "arguments": {}}</tool_call>`, once for each call. Models whose
 * template has no tools are asked for this form, because it is the most common in training data.
 */
export const hermes: CallForm = {
  openings: ["<tool_call>"],
  triggers: ["<tool_call>"],
  *read(source, tools) {
    if (!(yield* readJsonCall(source, tools))) return false;
    yield* source.skipSpace();
    yield* source.take("</tool_call>");
    return true;
  },
  grammar(parts) {
    const { builder, begun } = parts;
    const literal = builder.literal;
    const call = builder.rule(
      "call",
      eachFunction(parts, (name, rule) => `${literal(`{"name": "${name}", "arguments": `)} ${rule} "}"`),
    );
    const rest = `"\\n"? ${call} "\\n"? "</tool_call>"`;
    return `${begun ? "" : '"<tool_call>" '}${rest}${furtherCalls(parts, `"\\n"? "<tool_call>" ${rest}`)}`;
  },
  write: ({ name, arguments: json }) =>
    `<tool_call>\n{"name": ${JSON.stringify(name)}, "arguments": ${json}}\n</tool_call>`,
  example: '<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>',
};
