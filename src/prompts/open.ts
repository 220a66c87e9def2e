import type { CacheWish } from "../generation/cache.ts";
import type { Prompt, Sampling } from "../generation/request.ts";
import { InvalidRequestError } from "../protocols/errors.ts";
import { decodeSampling, decodeStop } from "../protocols/sampling.ts";
import { wishOf } from "./cache-wish.ts";
import { composePrompt } from "./compose.ts";
import { fillIn, isAnySet, type WireBody, type WireForm } from "./forms.ts";
import { takesInput } from "./parse.ts";
import type { Preset } from "./preset.ts";
import { INPUT } from "./template.ts";
import { resolveVariables } from "./variables.ts";

/** A request for a preset, before its protocol has read it. */
export type PresetUse = {
  readonly preset: Preset;
  /** The id of the model that answers. */
  readonly model: string;
  readonly body: WireBody;
  readonly form: WireForm;
  /** Values for the preset's variables, and the name of the field that holds them. */
  readonly given: Readonly<Record<string, unknown>>;
  readonly param: string;
};

/** What the fields of the wire are in a generation's words. */
const SAMPLING_KEYS = {
  temperature: "temperature",
  top_p: "topP",
  top_k: "topK",
  min_p: "minP",
  repeat_penalty: "repeatPenalty",
  presence_penalty: "presencePenalty",
  frequency_penalty: "frequencyPenalty",
  seed: "seed",
} as const satisfies Readonly<Record<string, keyof Sampling>>;

type Wanting = {
  readonly sampling: Sampling;
  readonly stop: readonly string[];
  readonly prompt?: Prompt;
  readonly maxTokens?: number | undefined;
};

/** A request whose body is to be read, and what is to be done with what it says. */
export type OpenedRequest = {
  readonly body: unknown;
  /** What is wanted, with the preset's texts and whatever else of it the protocol has no words for. */
  readonly complete: <Wanted extends Wanting>(wanted: Wanted) => Wanted;
  /** The conversation, as the preset has it. */
  readonly compose: (prompt: Prompt) => Prompt;
  /** What the preset says of the answer's keeping. @param prompt the client's conversation, before `compose` */
  readonly cache: (prompt: Prompt) => CacheWish;
};

/**
 * Puts a preset into a request. What the protocol has words for is filled into the body where the client says nothing, so that the
 * protocol checks and shows it like the client's own; texts come in when the body was read, so that errors count only the client's messages
 * and nothing but those is kept. Throws `InvalidRequestError` for variables that are unknown, missing or of the wrong kind.
 */
export function openPreset({ preset, model, body, form, given, param }: PresetUse): OpenedRequest {
  const { [INPUT]: input, ...variables } = given;
  const resolved = resolveVariables(preset.variables, variables);
  if ("fault" in resolved) {
    const { name, code, message } = resolved.fault;
    throw new InvalidRequestError(`The preset '${preset.id}': ${message}`, `${param}.${name}`, code);
  }
  const said = addInput(preset, body, form, input, param);
  const compose = (prompt: Prompt) =>
    prompt.type === "chat" ? composePrompt(preset, resolved.values, prompt) : prompt;
  return {
    body: { ...fillIn(preset, said, form), model },
    complete: (wanted) => ({
      ...completeSampling(preset, wanted, body, form),
      ...boundLength(preset, wanted),
      ...(wanted.prompt !== undefined && { prompt: compose(wanted.prompt) }),
    }),
    compose,
    cache: (prompt) => wishOf(preset, { prompt, body, form }),
  };
}

function addInput(preset: Preset, body: WireBody, form: WireForm, input: unknown, param: string): WireBody {
  const said = body[form.conversation];
  const isEmpty = said === undefined || said === null || (Array.isArray(said) && said.length === 0);
  const goesOn = form.conversation === "input" && isAnySet(body, ["previous_response_id", "conversation"]);
  const isWelcome = takesInput(preset.template) && isEmpty;
  if (input !== undefined && (typeof input !== "string" || !isWelcome)) {
    throw new InvalidRequestError(
      typeof input !== "string"
        ? `The preset '${preset.id}': the variable '${INPUT}' must be text.`
        : `The preset '${preset.id}': '${INPUT}' is the user's message. ${
            isEmpty ? "This preset takes none." : `Give it in '${form.conversation}' or in '${param}', not in both.`
          }`,
      `${param}.${INPUT}`,
      "invalid_variable",
    );
  }
  if (!isEmpty) return body;
  if (typeof input === "string") return { ...body, [form.conversation]: form.say(input) };
  if (!takesInput(preset.template)) return goesOn ? body : { ...body, [form.conversation]: form.say("") };
  if (goesOn) return body;
  throw new InvalidRequestError(
    `The preset '${preset.id}' needs the user's message. Give it in '${form.conversation}', or as '${INPUT}' in '${param}'.`,
    form.conversation,
    "missing_required_parameter",
  );
}

/** What asks for more than the preset's limit is cut to it, as by the setting of that name. */
function boundLength({ maxTokensLimit: limit }: Preset, { maxTokens }: Wanting) {
  return limit === undefined ? {} : { maxTokens: Math.min(maxTokens ?? limit, limit) };
}

function completeSampling<Wanted extends Wanting>(
  { sampling }: Preset,
  wanted: Wanted,
  body: WireBody,
  form: WireForm,
): Wanted {
  const beyond = form.beyond(sampling, body);
  const decoded = decodeSampling(beyond);
  const changed = Object.entries(SAMPLING_KEYS).filter(([field]) => isAnySet(beyond, [field]));
  return {
    ...wanted,
    sampling: { ...wanted.sampling, ...Object.fromEntries(changed.map(([, key]) => [key, decoded[key]])) },
    stop: beyond.stop === undefined ? wanted.stop : decodeStop(beyond),
  };
}
