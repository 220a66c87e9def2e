import type { CacheWish } from "../generation/cache.ts";
import type { Prompt } from "../generation/request.ts";
import { isAnySet, type WireBody, type WireForm } from "./forms.ts";
import type { Preset } from "./preset.ts";

type Asked = {
  /** The client's conversation. */
  readonly prompt: Prompt;
  /** The client's body. */
  readonly body: WireBody;
  readonly form: WireForm;
};

/** Fields besides tools and formats with a client's own text in them. */
const STOPS = ["stop", "stop_sequences"];

/** What a preset says of the keeping of the answer to a request. */
export function wishOf(preset: Preset, asked: Asked): CacheWish {
  const { id, cache } = preset;
  return {
    preset: id,
    answers: cache.answers,
    ...(cache.ttlSeconds !== undefined && { freshSeconds: cache.ttlSeconds }),
    ...(cache.public && isPlain(asked) && { isPublic: true }),
    ...semanticWish(preset, asked),
  };
}

/** Only for one message of the user's alone: what was said before, and tools, would have to be compared too. */
function semanticWish({ cache: { semantic }, tools }: Preset, asked: Asked): Pick<CacheWish, "semantic"> {
  const [message] = asked.prompt.type === "chat" ? asked.prompt.messages : [];
  if (semantic === undefined || message === undefined || tools.length > 0 || !isPlain(asked)) return {};
  const { model, ...terms } = semantic;
  return { semantic: { ...terms, ...(model !== undefined && { model }), text: message.content } };
}

/**
 * Whether the client gives nothing to the preset but one message of the user's and variables: that is what a public preset is for. Other
 * texts, as instructions, earlier turns, tools, are the tenant's own, and so is an answer that depends on them.
 */
function isPlain({ prompt, body, form }: Asked): boolean {
  if (prompt.type !== "chat" || prompt.continueFinal === true || prompt.templateArguments !== undefined) return false;
  const [message, ...others] = prompt.messages;
  if (message?.role !== "user" || others.length > 0) return false;
  return !isAnySet(body, form.toolFields) && !form.hasFormat(body) && !isAnySet(body, STOPS);
}
