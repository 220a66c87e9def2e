/** The routes that generate text. */
export const ROUTES = ["chat", "completions", "responses", "messages"] as const;

export type Route = (typeof ROUTES)[number];

/** The origins of the fields, and where they are documented. */
const SOURCES = {
  OpenAI: "https://platform.openai.com/docs/api-reference",
  Anthropic: "https://docs.claude.com/en/api/messages",
  vLLM: "https://github.com/vllm-project/vllm/tree/main/vllm/entrypoints/openai",
  "llama-server": "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
  SGLang: "https://github.com/sgl-project/sglang/blob/main/python/sglang/srt/entrypoints/openai/protocol.py",
  Ollama: "https://github.com/ollama/ollama/blob/main/docs/api.md",
  TGI: "https://huggingface.co/docs/text-generation-inference",
  Mistral: "https://docs.mistral.ai/api",
  Fireworks: "https://docs.fireworks.ai/api-reference/post-chatcompletions",
  "text-generation-webui": "https://github.com/oobabooga/text-generation-webui/blob/main/docs/12%20-%20OpenAI%20API.md",
  OpenRouter: "https://openrouter.ai/docs/api-reference/parameters",
  "another route": "docs/api.md",
} as const;

export type Owner = keyof typeof SOURCES;

/** How a field is treated. */
export type Fate =
  /** It is in the route's schema and works as its owner documents it. */
  | { readonly type: "field" }
  /** It is another name of the field `of`. */
  | { readonly type: "alias"; readonly of: string }
  /** It is accepted without effect on the answer. */
  | { readonly type: "hint"; readonly note: string }
  /** It is refused, except for values without effect: absent, null, `[]` and `neutral`. */
  | {
      readonly type: "refused";
      readonly note: string;
      /** Whether the note says what to send instead. */
      readonly hasSubstitute: boolean;
      readonly neutral: readonly unknown[];
    };

/** A field that a client may send: `name`, or `outer.inner` inside an object. */
export type Word = {
  readonly name: string;
  readonly owners: readonly Owner[];
  readonly fate: Fate;
  readonly routes: readonly Route[];
};

/** Creates words with the same fate on the same routes. */
export function words(
  owner: Owner | readonly Owner[],
  names: string,
  fate: Fate,
  routes: readonly Route[] = ROUTES,
): readonly Word[] {
  return names
    .trim()
    .split(/\s+/)
    .map((name) => ({ name, owners: [owner].flat(), fate, routes }));
}

export const FIELD: Fate = { type: "field" };

export function aliasOf(of: string): Fate {
  return { type: "alias", of };
}

/** @param note why it has no effect */
export function hint(note: string): Fate {
  return { type: "hint", note };
}

/** @param note why it is not supported */
export function refused(note: string, ...neutral: readonly unknown[]): Fate {
  return { type: "refused", note, hasSubstitute: false, neutral };
}

/** @param note what to send instead */
export function replaced(note: string, ...neutral: readonly unknown[]): Fate {
  return { type: "refused", note, hasSubstitute: true, neutral };
}
