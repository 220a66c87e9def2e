import type { Prompt } from "../../generation/request.ts";
import type { Wish } from "../../generation/wish.ts";
import { decodeTemplateArguments } from "../chat/template-arguments.ts";
import { decodeTools } from "../chat/tools.ts";
import type { Understood } from "../complete.ts";
import { InvalidRequestError, missingParameter } from "../errors.ts";
import { isSet } from "../fields.ts";
import { decodeFormat, sayFormat } from "../format-words.ts";
import { parseWire } from "../issue.ts";
import { decodeKeepAlive, type KeepAlive } from "./keep-alive.ts";
import { decodeOllamaMessages, decodeOllamaPrompt } from "./messages.ts";
import { decodeOptions, refuseUnknownWishes } from "./options.ts";
import { ollamaChatSchema, ollamaGenerateSchema, ollamaNameSchema } from "./schema.ts";

/** A decoded request to `/api/chat` or `/api/generate`. */
export type OllamaRequest = Understood & {
  /** The model's name from the request; undefined if it names none. */
  readonly model: string | undefined;
  readonly stream: boolean;
  /** Whether the request has no prompt and only loads the model. */
  readonly isLoad: boolean;
  /** How long the model is to stay loaded; undefined leaves it as it is. */
  readonly keepAlive: KeepAlive | undefined;
  /** The wish, without defaults. */
  readonly wish: Wish;
};

type Common = Pick<
  (typeof ollamaChatSchema)["_output"],
  "model" | "stream" | "format" | "options" | "think" | "keep_alive" | "logprobs" | "top_logprobs"
>;

/** Decodes the body of `POST /api/chat`. Throws `InvalidRequestError` for the first field that is invalid or can't be honoured. */
export function decodeOllamaChat(body: unknown): OllamaRequest {
  refuseUnknownWishes(body);
  const wire = parseWire(ollamaChatSchema, body);
  const messages = wire.messages ?? [];
  const prompt: Prompt = { type: "chat", messages: decodeOllamaMessages(messages), ...thinking(wire) };
  return understand(wire, prompt, messages.length === 0, wire.tools);
}

/** Decodes the body of `POST /api/generate`. Throws as `decodeOllamaChat` does. */
export function decodeOllamaGenerate(body: unknown): OllamaRequest {
  refuseUnknownWishes(body);
  const wire = parseWire(ollamaGenerateSchema, body);
  const { raw, system } = wire;
  const said = (wire.prompt ?? "").toWellFormed();
  const suffix = (wire.suffix ?? "").toWellFormed();
  const isPlain = raw === true || suffix !== "";
  if (isPlain && isSet(system) && system !== "") {
    throw new InvalidRequestError(
      `Setting 'system' and '${raw === true ? "raw" : "suffix"}' at the same time is not supported: such a prompt is continued without a template. Put the instructions into 'prompt'.`,
      "system",
      "invalid_parameter_combination",
    );
  }
  const images = wire.images ?? [];
  if (isPlain && images.length > 0) {
    throw new InvalidRequestError(
      `Setting 'images' and '${raw === true ? "raw" : "suffix"}' at the same time is not supported: such a prompt is a text.`,
      "images",
      "invalid_parameter_combination",
    );
  }
  return understand(wire, toPrompt(), said === "" && suffix === "" && images.length === 0);

  function toPrompt(): Prompt {
    if (suffix !== "") return { type: "infill", prefix: said, suffix };
    if (raw === true) return { type: "text", text: said };
    const lead = isSet(system) && system !== "" ? [{ role: "system" as const, content: system.toWellFormed() }] : [];
    return { type: "chat", messages: [...lead, ...decodeOllamaPrompt(said, wire.images)], ...thinking(wire) };
  }
}

function thinking({ think }: Common) {
  const templateArguments = decodeTemplateArguments({ think });
  return templateArguments === undefined ? {} : { templateArguments };
}

function understand(
  wire: Common,
  prompt: Prompt,
  isLoad: boolean,
  tools?: Parameters<typeof decodeTools>[0]["tools"],
): OllamaRequest {
  const offered = decodeTools({ tools });
  const format = decodeFormat({ format: wire.format });
  return {
    model: wire.model ?? undefined,
    stream: wire.stream ?? true,
    isLoad,
    keepAlive: decodeKeepAlive(wire.keep_alive),
    tools: offered,
    format,
    wish: {
      prompt,
      ...offered.wish,
      ...sayFormat({ format: wire.format }, format),
      ...(wire.logprobs === true && { logprobs: wire.top_logprobs ?? 0 }),
      ...decodeOptions(wire.options ?? {}),
    },
  };
}

/** Decodes a model's name and whether to stream. Throws `InvalidRequestError` if the body names no model. */
export function decodeOllamaName(body: unknown): { readonly name: string; readonly stream: boolean } {
  const { model, name, stream } = parseWire(ollamaNameSchema, body);
  const named = [model, name].find((one) => isSet(one) && one !== "");
  if (isSet(named)) return { name: named, stream: stream ?? true };
  throw missingParameter("model");
}
