import { formatFields } from "../protocols/format-words.ts";
import type { Preset } from "./preset.ts";
import type { PresetSampling } from "./schema.ts";

/** A request's body, of which nothing is known yet but that it is an object. */
export type WireBody = Readonly<Record<string, unknown>>;

/** A schema as OpenAI's fields have it. */
type NamedSchema = {
  readonly name: string;
  readonly description: string;
  readonly schema: object;
  readonly strict: false;
};

/** How a protocol's requests say what a preset says. */
export type WireForm = {
  /** Where the conversation is. */
  readonly conversation: "messages" | "input";
  /** A conversation of one user's message. */
  readonly say: (text: string) => unknown;
  /** The preset's sampling as far as a request can say it, by the names of its fields. */
  readonly sampling: (sampling: PresetSampling) => WireBody;
  /** The rest of it, which no client can say and which is the preset's to decide, unless `body` says something else of the same. */
  readonly beyond: (sampling: PresetSampling, body: WireBody) => PresetSampling;
  /** The names of which one is enough to say how long the answer may be; the first is filled in. */
  readonly maxTokens: readonly [string, ...string[]];
  /** Whether the body says what form its answer has. */
  readonly hasFormat: (body: WireBody) => boolean;
  readonly putSchema: (schema: NamedSchema, body: WireBody) => WireBody;
  readonly toolFields: readonly string[];
  readonly toTool: (tool: Preset["tools"][number]) => object;
};

/** Where Anthropic's temperatures end. */
const MAX_MESSAGES_TEMPERATURE = 1;

/** The other names of a bound on tokens, as `protocols/words` has them. */
const OTHER_MAX_TOKENS = ["n_predict", "max_new_tokens", "num_predict"];

/** Whatever says what form an answer has, beside a protocol's own field. */
const FORMATS = Object.keys(formatFields);

export const chatForm: WireForm = {
  conversation: "messages",
  say: (content) => [{ role: "user", content }],
  sampling: (sampling) => ({ ...sampling }),
  beyond: () => ({}),
  maxTokens: ["max_tokens", "max_completion_tokens", ...OTHER_MAX_TOKENS],
  hasFormat: (body) => isAnySet(body, FORMATS),
  putSchema: (schema) => ({ response_format: { type: "json_schema", json_schema: schema } }),
  toolFields: ["tools", "functions"],
  toTool: (tool) => ({ type: "function", function: tool }),
};

export const responsesForm: WireForm = {
  conversation: "input",
  say: (text) => text,
  sampling: (sampling) => ({ ...sampling }),
  beyond: () => ({}),
  maxTokens: ["max_output_tokens", ...OTHER_MAX_TOKENS],
  hasFormat: (body) => isAnySet(Object(body.text), ["format"]) || isAnySet(body, FORMATS),
  putSchema: (schema, { text }) => ({ text: { ...Object(text), format: { type: "json_schema", ...schema } } }),
  toolFields: ["tools"],
  toTool: (tool) => ({ type: "function", ...tool }),
};

export const messagesForm: WireForm = {
  conversation: "messages",
  say: (content) => [{ role: "user", content }],
  sampling: ({ temperature, stop, ...sampling }) => ({
    ...sampling,
    ...(temperature !== undefined && temperature <= MAX_MESSAGES_TEMPERATURE && { temperature }),
    ...(stop !== undefined && { stop_sequences: [stop].flat() }),
  }),
  beyond({ temperature = 0 }, body) {
    const isHot = temperature > MAX_MESSAGES_TEMPERATURE && !isAnySet(body, ["temperature"]);
    return isHot ? { temperature } : {};
  },
  maxTokens: ["max_tokens", ...OTHER_MAX_TOKENS],
  hasFormat: (body) =>
    isAnySet(Object(body.output_config), ["format"]) || isAnySet(body, [...FORMATS, "output_format"]),
  putSchema: ({ schema }, { output_config: output }) => ({
    output_config: { ...Object(output), format: { type: "json_schema", schema } },
  }),
  toolFields: ["tools"],
  toTool: ({ name, description, parameters, strict }) => ({
    name,
    ...(description !== undefined && { description }),
    input_schema: parameters ?? { type: "object", properties: {} },
    ...(strict !== undefined && { strict }),
  }),
};

/** Whether any of these fields was given: `null` is as good as absent. */
export function isAnySet(body: WireBody, fields: readonly string[]): boolean {
  return fields.some((field) => body[field] !== undefined && body[field] !== null);
}

/** `body` with what the preset says filled in where the client says nothing. */
export function fillIn(preset: Preset, body: WireBody, form: WireForm): WireBody {
  const { id: name, description, responseSchema: schema } = preset;
  const sampling = Object.entries(form.sampling(preset.sampling)).filter(([field]) => !isAnySet(body, [field]));
  return {
    ...body,
    ...Object.fromEntries(sampling),
    ...(preset.maxTokens !== undefined && !isAnySet(body, form.maxTokens) && { [form.maxTokens[0]]: preset.maxTokens }),
    ...(schema !== undefined &&
      !form.hasFormat(body) &&
      form.putSchema({ name, description, schema, strict: false }, body)),
    ...(preset.tools.length > 0 &&
      !isAnySet(body, form.toolFields) && { [form.toolFields[0] ?? "tools"]: preset.tools.map(form.toTool) }),
  };
}
