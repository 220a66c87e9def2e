import type { LlamaModel } from "node-llama-cpp";
import type { ChatTemplate, InfillTokens } from "../contract/native.ts";
import type { NativeBindings, NativeModel } from "./binding.ts";
import { createControlFinder } from "./control-finder.ts";

/** `LLAMA_TOKEN_ATTR_UNKNOWN | LLAMA_TOKEN_ATTR_CONTROL`: tokens whose spelling is recognized only with `parseSpecial`. */
const CONTROL_ATTRIBUTES = 1 | 8;

/** `LLAMA_TOKEN_ATTR_USER_DEFINED`: tokens whose spelling is always recognized. */
const USER_DEFINED_ATTRIBUTE = 16;

/** The template of models without one, as in llama-server. */
const CHATML_TEMPLATE =
  "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/** The end of a message in that template. Models that were not trained on it write it as text. */
const CHATML_STOP = ["<|im_end|>"];

/** @param controlTokens the vocabulary's control tokens, which no text of a client may produce */
export function createTemplate(
  model: LlamaModel,
  native: NativeModel,
  bindings: NativeBindings,
  controlTokens: readonly number[],
): ChatTemplate {
  const own = model.fileInfo.metadata.tokenizer.chat_template;
  const { bos, bosString, eosString, infill } = model.tokens;
  const { prefix, suffix, middle } = infill;
  const spell = (token: number) => native.getTokenString(token);
  const isSpelled = (spelling: string) => spelling !== "";
  const userDefined = findTokens(native, model.fileInfo.metadata.tokenizer.ggml.tokens.length, USER_DEFINED_ATTRIBUTE);
  return {
    render: compileTemplate(own ?? CHATML_TEMPLATE, { begin: bosString, end: eosString }, bindings),
    control: createControlFinder(controlTokens.map(spell).filter(isSpelled), userDefined.map(spell).filter(isSpelled)),
    beginToken: native.shouldPrependBosToken() && bos !== null ? bos : undefined,
    emptyToken: bos ?? undefined,
    infill:
      prefix === null || suffix === null || middle === null
        ? undefined
        : { prefix, suffix, middle, ...findFileTokens([...controlTokens, ...userDefined], spell) },
    stop: own === undefined ? CHATML_STOP : [],
  };
}

/** The spellings of the tokens before the name of a repository and before the name of a file, as in llama.cpp. */
const REPOSITORY_SPELLINGS = ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"];
const FILE_SPELLINGS = ["<|file_sep|>"];

function findFileTokens(
  tokens: readonly number[],
  spell: (token: number) => string,
): Pick<InfillTokens, "repository" | "file"> {
  const spelled = (spellings: readonly string[]) => tokens.find((token) => spellings.includes(spell(token)));
  const [repository, file] = [spelled(REPOSITORY_SPELLINGS), spelled(FILE_SPELLINGS)];
  return { ...(repository !== undefined && { repository }), ...(file !== undefined && { file }) };
}

/**
 * Compiles a chat template with llama.cpp's template engine.
 *
 * @param tokens the spellings of the tokens that templates write
 * @throws Error if the text isn't a valid template
 */
export function compileTemplate(
  template: string,
  tokens: { readonly begin: string | null; readonly end: string | null },
  { AddonJinjaRenderer }: Pick<NativeBindings, "AddonJinjaRenderer">,
): ChatTemplate["render"] {
  const renderer = new AddonJinjaRenderer(template);
  const constants = { bos_token: tokens.begin ?? "", eos_token: tokens.end ?? "" };
  return (variables) => renderer.render({ ...variables, ...constants });
}

/** The vocabulary's control tokens. */
export function findControlTokens(native: NativeModel, vocabularySize: number): readonly number[] {
  return findTokens(native, vocabularySize, CONTROL_ATTRIBUTES);
}

function findTokens(native: NativeModel, vocabularySize: number, attributes: number): readonly number[] {
  const found: number[] = [];
  for (let token = 0; token < vocabularySize; token++) {
    if ((native.getTokenAttributes(token) & attributes) !== 0) found.push(token);
  }
  return found;
}
