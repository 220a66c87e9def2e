import { type CallForm, eachFunction, furtherCalls } from "../call-form.ts";
import { streamArguments } from "../json-call.ts";

const CALLS_BEGIN = "<｜tool▁calls▁begin｜>";
const CALLS_END = "<｜tool▁calls▁end｜>";
const CALL_BEGIN = "<｜tool▁call▁begin｜>";
const CALL_END = "<｜tool▁call▁end｜>";
const SEPARATOR = "<｜tool▁sep｜>";

/**
 * DeepSeek's form. V3 and R1 write `function<｜tool▁sep｜>f` and a fenced block of JSON, V3.1 writes `f<｜tool▁sep｜>{}`. Tokens surround
 * each call, and others all calls.
 *
 * @param template tells which of the two the model was trained on
 */
export function deepseek(template: string): CallForm {
  const fenced = template.includes("```json");
  return {
    // Some answers omit the first.
    openings: [CALLS_BEGIN, CALL_BEGIN],
    triggers: [CALLS_BEGIN],
    *read(source, tools, opening) {
      if (opening === CALLS_BEGIN) {
        yield* source.skipSpace();
        if (!(yield* source.take(CALL_BEGIN))) return false;
      }
      const head = yield* source.upTo([SEPARATOR, CALL_END]);
      if (head?.marker !== SEPARATOR) return false;
      let name = head.text.trim();
      if (!tools.has(name)) {
        const line = yield* source.upTo(["\n", "{", CALL_END]);
        name = line?.text.trim() ?? "";
        if (line === undefined || !tools.has(name)) return false;
        if (line.marker !== "\n") source.unread(line.marker);
      }
      source.commit();
      yield { type: "call", name };
      yield* source.skipSpace();
      yield* source.takeCut("```json");
      yield* streamArguments(source);
      yield* source.skipSpace();
      yield* source.take("```");
      yield* source.skipSpace();
      yield* source.take(CALL_END);
      yield* source.skipSpace();
      yield* source.take(CALLS_END);
      return true;
    },
    grammar(parts) {
      const { builder, begun } = parts;
      const literal = builder.literal;
      const call = builder.rule(
        "call",
        eachFunction(parts, (name, rule) =>
          fenced
            ? `${literal(`${CALL_BEGIN}function${SEPARATOR}${name}\n\`\`\`json\n`)} ${rule} ${literal(`\n\`\`\`${CALL_END}`)}`
            : `${literal(`${CALL_BEGIN}${name}${SEPARATOR}`)} ${rule} ${literal(CALL_END)}`,
        ),
      );
      return `${begun ? "" : `${literal(CALLS_BEGIN)} `}${call}${furtherCalls(parts, `"\\n"? ${call}`)} ${literal(CALLS_END)}`;
    },
    write: ({ name, arguments: json }) => CALLS_BEGIN + writeCall(name, json, fenced) + CALLS_END,
    example: CALLS_BEGIN + writeCall("<function-name>", "<args-json-object>", fenced) + CALLS_END,
  };
}

function writeCall(name: string, json: string, fenced: boolean): string {
  return fenced
    ? `${CALL_BEGIN}function${SEPARATOR}${name}\n\`\`\`json\n${json}\n\`\`\`${CALL_END}`
    : `${CALL_BEGIN}${name}${SEPARATOR}${json}${CALL_END}`;
}
