import { z } from "zod";
import type { OutputFormat } from "../../generation/request.ts";
import { boolean, string } from "../fields.ts";
import { parseWire } from "../issue.ts";

const MAX_DESCRIPTION_LENGTH = 65_536;

const format = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object") }),
  z.object({
    type: z.literal("json_schema"),
    name: z.string({ error: "a string" }).regex(/^[\w-]{1,64}$/),
    schema: z.record(z.string(), z.unknown(), { error: "an object" }),
    description: string(MAX_DESCRIPTION_LENGTH).nullish(),
    strict: boolean().nullish(),
  }),
]);
const textField = z.object({ text: z.object({ format }) });

/** What the text of a response must be. */
export type TextFormat = {
  /** Undefined is any text. */
  readonly output: OutputFormat | undefined;
  /** As the response repeats it. */
  readonly shown: Readonly<Record<string, unknown>>;
};

/** Understands `text.format` of a request for a response. Throws `InvalidRequestError`. */
export function decodeTextFormat(value: unknown): TextFormat {
  const wire = parseWire(textField, { text: { format: value ?? { type: "text" } } }).text.format;
  switch (wire.type) {
    case "text":
      return { output: undefined, shown: { type: wire.type } };
    case "json_object":
      return { output: { type: "json" }, shown: { type: wire.type } };
    case "json_schema":
      return {
        output: { type: "schema", schema: wire.schema },
        shown: {
          type: wire.type,
          name: wire.name,
          schema: wire.schema,
          description: wire.description ?? null,
          strict: wire.strict ?? false,
        },
      };
  }
}
