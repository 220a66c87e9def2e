import { expect, test } from "vitest";
import { createControlFinder } from "../../../src/engine/llama/control-finder.ts";
import { chatVariables } from "../../../src/engine/worker/chat-variables.ts";
import { parseHostMessage } from "../../../src/engine/worker/child.ts";
import { createDisguise } from "../../../src/engine/worker/control-text.ts";
import type { Prompt, Tool } from "../../../src/generation/request.ts";
import { readOwnJson } from "../../../src/json/parse.ts";

const NUMBERS = "[725653563933458433,1.0,1e400,0.5,7]";

test("numbers reach a template as they were written, through the channel between the processes", () => {
  const values = { a: readOwnJson(NUMBERS) };
  const prompt: Prompt = {
    type: "chat",
    messages: [
      { role: "user", content: "Hi" },
      { role: "assistant", content: "", toolCalls: [{ id: "1", name: "f", arguments: `{"a":${NUMBERS}}` }] },
    ],
    templateArguments: values,
  };
  const tools: readonly Tool[] = [{ name: "f", parameters: { type: "object", properties: { a: { enum: values.a } } } }];
  const sent = JSON.stringify({ prompt, tools });
  const received = parseHostMessage<{ readonly prompt: typeof prompt; readonly tools: typeof tools }>(sent);
  expect(received).toEqual({ prompt, tools });

  const disguise = createDisguise(createControlFinder([]));
  const rendered = JSON.stringify(disguise.hideAll(chatVariables(received.prompt, received.tools)));
  const shown = disguise
    .reveal(rendered)
    .map(({ text }) => text)
    .join("");
  expect(shown.split(NUMBERS)).toHaveLength(4);
});
