/** The routes that write text. */
export const ROUTES = ["chat", "completions", "responses", "messages"] as const;

export type Route = (typeof ROUTES)[number];

/** Whose words clients send, and where they are described. */
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

/** What becomes of a word. */
export type Fate =
  /** It is a field of the route's schema, and does what its owner says. */
  | { readonly type: "field" }
  /** It is another name of that field. */
  | { readonly type: "alias"; readonly of: string }
  /** It is taken, and changes no answer. */
  | { readonly type: "hint"; readonly note: string }
  /** It is refused by its name, but for values that ask for nothing: absent, null, `[]` and these. */
  | {
      readonly type: "refused";
      readonly note: string;
      /** Whether the note says what to send in its place. */
      readonly hasSubstitute: boolean;
      readonly neutral: readonly unknown[];
    };

/** A name that a client may send in a body, or `outer.inner` for one inside of an object. */
export type Word = {
  readonly name: string;
  readonly owners: readonly Owner[];
  readonly fate: Fate;
  readonly routes: readonly Route[];
};

/** Words with one fate on the same routes. */
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

/** @param note why it changes nothing */
export function hint(note: string): Fate {
  return { type: "hint", note };
}

/** @param note why there is no such thing */
export function refused(note: string, ...neutral: readonly unknown[]): Fate {
  return { type: "refused", note, hasSubstitute: false, neutral };
}

/** @param note what to send in its place */
export function replaced(note: string, ...neutral: readonly unknown[]): Fate {
  return { type: "refused", note, hasSubstitute: true, neutral };
}
