import type { ChatCompletion, ChatCompletionChunk, Model } from "openai/resources";
import { describe, expectTypeOf, it } from "vitest";
import type { z } from "zod";
import type { chatCompletion, chatCompletionChunk, model } from "../../src/protocols/openai-responses.ts";

type Chunk = z.infer<typeof chatCompletionChunk>;
type Choice = Chunk["choices"][number];
type CallDelta = NonNullable<Choice["delta"]["tool_calls"]>[number];

/** A chunk without calls of custom tools, which the client's types lack in streams. */
type TypedChunk = Omit<Chunk, "choices"> & {
  choices: (Omit<Choice, "delta"> & {
    delta: Omit<Choice["delta"], "tool_calls"> & { tool_calls?: Exclude<CallDelta, { custom: unknown }>[] };
  })[];
};

describe("the described answers", () => {
  it("match the official client's types", () => {
    expectTypeOf<z.infer<typeof chatCompletion>>().toExtend<ChatCompletion>();
    expectTypeOf<TypedChunk>().toExtend<ChatCompletionChunk>();
    expectTypeOf<z.infer<typeof model>>().toExtend<Model>();
  });
});
