import { expect, test } from "vitest";
import { compose } from "../../src/generation/layer.ts";
import { measurePrompts } from "../../src/generation/measure.ts";
import type { Prompt, Tool } from "../../src/generation/request.ts";
import { collect, generationRequest } from "../fixtures/generation.ts";

test("a prompt is measured as the layers made it, and nothing is generated", async () => {
  const asked: [Prompt, readonly Tool[] | undefined][] = [];
  const measure = compose(
    [(request, next) => next({ ...request, prompt: { type: "text", text: "prepared" } })],
    measurePrompts({
      async countTokens(prompt, tools) {
        asked.push([prompt, tools]);
        return 42;
      },
    }),
  );
  const tools = [{ name: "look" }];
  const request = generationRequest({ tools: { tools, choice: "auto", allowed: undefined, parallel: true } });
  expect(await collect(measure(request))).toEqual([{ type: "started", promptTokens: 42, cachedTokens: 0 }]);
  expect(asked).toEqual([[{ type: "text", text: "prepared" }, tools]]);
});
