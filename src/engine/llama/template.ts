import type { LlamaModel } from "node-llama-cpp";
import { createControlFinder } from "../worker/control-text.ts";
import type { ChatTemplate } from "../worker/prompt.ts";
import type { NativeBindings, NativeModel } from "./binding.ts";

/** `LLAMA_TOKEN_ATTR_UNKNOWN | LLAMA_TOKEN_ATTR_CONTROL`: what tokenizes from its spelling only with special tokens on. */
const CONTROL_ATTRIBUTES = 1 | 8;

/** For models that bring no chat template, as llama-server does. */
const CHATML_TEMPLATE =
  "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/** What ends a turn there. Models that were not trained on it have no such token and write it as text. */
const CHATML_STOP = ["<|im_end|>"];

/** @param controlTokens the vocabulary's, of which no text may make one */
export function createTemplate(
  model: LlamaModel,
  native: NativeModel,
  bindings: NativeBindings,
  controlTokens: readonly number[],
): ChatTemplate {
  const own = model.fileInfo.metadata.tokenizer.chat_template;
  const renderer = new bindings.AddonJinjaRenderer(own ?? CHATML_TEMPLATE);
  const { bos, bosString, eosString, infill } = model.tokens;
  const constants = { bos_token: bosString ?? "", eos_token: eosString ?? "" };
  const { prefix, suffix, middle } = infill;
  const spellings = controlTokens.map((token) => native.getTokenString(token));
  return {
    render: (variables) => renderer.render({ ...variables, ...constants }),
    control: createControlFinder(spellings.filter((spelling) => spelling !== "")),
    beginToken: native.shouldPrependBosToken() && bos !== null ? bos : undefined,
    emptyToken: bos ?? undefined,
    infill: prefix === null || suffix === null || middle === null ? undefined : { prefix, suffix, middle },
    stop: own === undefined ? CHATML_STOP : [],
  };
}

/** The vocabulary's control tokens. */
export function findControlTokens(native: NativeModel, vocabularySize: number): readonly number[] {
  const found: number[] = [];
  for (let token = 0; token < vocabularySize; token++) {
    if ((native.getTokenAttributes(token) & CONTROL_ATTRIBUTES) !== 0) found.push(token);
  }
  return found;
}
