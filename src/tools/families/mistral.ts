import { type CallForm, type CallGrammar, eachFunction, furtherCalls, type ToolsByName } from "../call-form.ts";
import { readJsonCall, streamArguments } from "../json-call.ts";
import type { Parsing } from "../parsing.ts";
import type { Source } from "../source.ts";

const OPENING = "[TOOL_CALLS]";
/** The id of a call. */
const ID = "[a-zA-Z0-9]{9}";

/**
 * Mistral's forms, old and new: `[TOOL_CALLS][{"name": "f", "arguments": {}}]`, and since 2025 `[TOOL_CALLS]f[ARGS]{}` for each call, with
 * `[CALL_ID]` and an id between the two in some.
 *
 * @param template tells which of them the model was trained on
 */
export function mistral(template: string): CallForm {
  return {
    openings: [OPENING],
    triggers: [OPENING],
    *read(source, tools) {
      yield* source.skipSpace();
      return (yield* source.take("[")) ? yield* readArray(source, tools) : yield* readNamed(source, tools);
    },
    grammar: (parts) =>
      template.includes("[ARGS]") ? namedGrammar(parts, template.includes("[CALL_ID]")) : arrayGrammar(parts),
    write: ({ name, arguments: json }) => `${OPENING}[{"name": ${JSON.stringify(name)}, "arguments": ${json}}]`,
    example: `${OPENING}[{"name": <function-name>, "arguments": <args-json-object>}]`,
  };
}

function* readArray(source: Source, tools: ToolsByName): Parsing<boolean> {
  let called = false;
  for (;;) {
    if (called) source.mark();
    if (!(yield* readJsonCall(source, tools))) {
      // Earlier calls stay.
      if (called) source.rewind();
      return called;
    }
    called = true;
    yield* source.skipSpace();
    if (!(yield* source.take(","))) break;
  }
  yield* source.take("]");
  return true;
}

function* readNamed(source: Source, tools: ToolsByName): Parsing<boolean> {
  let head = yield* source.upTo(["{", "[ARGS]", "[CALL_ID]"]);
  const name = head?.text.trim() ?? "";
  if (head === undefined || !tools.has(name)) return false;
  if (head.marker === "[CALL_ID]") head = yield* source.upTo(["{", "[ARGS]"]);
  if (head === undefined) return false;
  if (head.marker === "{") source.unread("{");
  source.commit();
  yield { type: "call", name };
  yield* streamArguments(source);
  return true;
}

function arrayGrammar(parts: CallGrammar): string {
  const { builder, begun } = parts;
  const end = builder.rule("call-end", `${builder.literal(', "id": "')} ${ID} ${builder.literal('"}')} | "}"`);
  const call = builder.rule(
    "call",
    eachFunction(parts, (name, rule) => `${builder.literal(`{"name": "${name}", "arguments": `)} ${rule} ${end}`),
  );
  return `${builder.literal(begun ? "[" : `${OPENING}[`)} ${call}${furtherCalls(parts, `", " ${call}`)} "]"`;
}

function namedGrammar(parts: CallGrammar, withId: boolean): string {
  const { builder, begun } = parts;
  const id = withId ? ` "[CALL_ID]" ${ID}` : "";
  const call = builder.rule(
    "call",
    eachFunction(parts, (name, rule) => `${builder.literal(name)}${id} "[ARGS]" ${rule}`),
  );
  const opening = builder.literal(OPENING);
  return `${begun ? "" : `${opening} `}${call}${furtherCalls(parts, `${opening} ${call}`)}`;
}
