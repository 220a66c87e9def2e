import type { LlamaModel } from "node-llama-cpp";
import type { Message } from "../../generation/request.ts";
import type { ChatTemplate } from "../worker/prompt.ts";
import type { NativeBindings, NativeModel } from "./binding.ts";

/** `LLAMA_TOKEN_ATTR_UNKNOWN | LLAMA_TOKEN_ATTR_CONTROL`: what tokenizes from its spelling only with special tokens on. */
const CONTROL_ATTRIBUTES = 1 | 8;

/** For models that bring no chat template, as llama-server does. */
const CHATML_TEMPLATE =
  "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

export function createTemplate(
  model: LlamaModel,
  native: NativeModel,
  bindings: NativeBindings,
  vocabularySize: number,
): ChatTemplate {
  const renderer = new bindings.AddonJinjaRenderer(model.fileInfo.metadata.tokenizer.chat_template ?? CHATML_TEMPLATE);
  const { bos, bosString, eosString } = model.tokens;
  const constants = { add_generation_prompt: true, bos_token: bosString ?? "", eos_token: eosString ?? "" };

  const controlTokens: string[] = [];
  for (let token = 0; token < vocabularySize; token++) {
    if ((native.getTokenAttributes(token) & CONTROL_ATTRIBUTES) === 0) continue;
    const spelling = native.getTokenString(token);
    if (spelling !== "") controlTokens.push(spelling);
  }
  return {
    render: (messages: readonly Message[]) => renderer.render({ ...constants, messages }),
    controlTokens,
    beginToken: native.shouldPrependBosToken() && bos !== null ? bos : undefined,
  };
}
