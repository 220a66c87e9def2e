import type { ChatCompletion, ChatCompletionChunk, Model } from "openai/resources";
import { describe, expectTypeOf, it } from "vitest";
import type { z } from "zod";
import type { chatCompletion, chatCompletionChunk, model } from "../../src/protocols/openai-responses.ts";

describe("what Sluice says it answers with", () => {
  it("is what the official client's types say", () => {
    expectTypeOf<z.infer<typeof chatCompletion>>().toExtend<ChatCompletion>();
    expectTypeOf<z.infer<typeof chatCompletionChunk>>().toExtend<ChatCompletionChunk>();
    expectTypeOf<z.infer<typeof model>>().toExtend<Model>();
  });
});
