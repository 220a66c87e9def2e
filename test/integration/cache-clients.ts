import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

/** Official clients of one gateway, without retries, and the cache's status of their last answer. */
export type CacheClients = {
  readonly openai: OpenAI;
  readonly anthropic: Anthropic;
  /** The `cache-status` header of the last answer. */
  readonly status: () => string | null | undefined;
};

export function createCacheClients(url: string): CacheClients {
  let status: string | null | undefined;
  /** The clients' `fetch`, which reads each answer's headers on the way. */
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
