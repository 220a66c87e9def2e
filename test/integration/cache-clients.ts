import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

/** Official clients of one gateway that never try again, and what the cache said of their last answer. */
export type CacheClients = {
  readonly openai: OpenAI;
  readonly anthropic: Anthropic;
  /** The `cache-status` of the last answer's head. */
  readonly status: () => string | null | undefined;
};

export function createCacheClients(url: string): CacheClients {
  let status: string | null | undefined;
  /** The clients' own, that looks at each answer's head on its way. */
  const watchedFetch: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    status = response.headers.get("cache-status");
    return response;
  };
  const options = { apiKey: "none", maxRetries: 0, fetch: watchedFetch };
  return {
    openai: new OpenAI({ ...options, baseURL: `${url}/v1` }),
    anthropic: new Anthropic({ ...options, baseURL: url }),
    status: () => status,
  };
}
