import type { Client } from "@modelcontextprotocol/client";
import { expect } from "vitest";
import type { Embed } from "../../../src/generation/embedding.ts";
import type { GenerationRequest } from "../../../src/generation/request.ts";
import { answerWith, script, servedModel } from "../../http/support.ts";

/** Both generations of the protocol: the one with a handshake, and the one without. */
export const ERAS = ["legacy", "auto"] as const;

/** What makes up an app that writes these texts, and notes what it was asked. */
export function writing(texts: readonly string[], embed?: Embed) {
  const asked: GenerationRequest[] = [];
  const generate = script(async function* (request) {
    asked.push(request);
    yield* answerWith(texts);
  });
  return { models: [servedModel(generate, embed && { embed })], asked };
}

/** What makes up an app whose answers don't end by themselves, and the signal of the first. */
export function endless() {
  const begun = Promise.withResolvers<AbortSignal>();
  const generate = script(async function* ({ signal }) {
    yield { type: "started", promptTokens: 1, cachedTokens: 0 };
    yield { type: "text", choice: 0, text: "One" };
    begun.resolve(signal);
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  });
  return { models: [servedModel(generate)], begun: begun.promise };
}

/** Calls `generate`, and cancels the call when `begun` says that the answer has begun. */
export async function cancelOnce(begun: Promise<unknown>, client: Client): Promise<void> {
  const cancelling = new AbortController();
  const call = client.callTool({ name: "generate", arguments: { prompt: "Hi" } }, { signal: cancelling.signal });
  await begun;
  cancelling.abort();
  await expect(call).rejects.toThrow();
}
