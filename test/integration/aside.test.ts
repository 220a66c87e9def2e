import OpenAI from "openai";
import { afterEach, expect, test } from "vitest";
import { endAll, runSluice } from "./sluice-process.ts";

afterEach(endAll);

const model = "smollm2-135m-instruct";
/** Bans the tokens that end an answer, so that it continues until something limits it. */
const NO_END = { logit_bias: { 0: -100, 2: -100 } };
const STORY = "Tell me a story about a river.";
/** The text after the pause, which shows that the answer continues where it was. */
const AFTER = 20;

test("an endless request makes room for a short one, and then continues with the text that it would have alone", async () => {
  const server = runSluice("--slots", "1", "--cache-bytes", "0", "--state-file", ":memory:");
  const client = new OpenAI({ baseURL: `${await server.ready}/v1`, apiKey: "none", maxRetries: 0 });
  const begin = (content: string, max_tokens?: number) =>
    client.chat.completions.create({
      ...{ model, messages: [{ role: "user", content }], temperature: 0, seed: 7, stream: true, ...NO_END },
      ...(max_tokens !== undefined && { max_tokens }),
    });
  const ask = async (content: string, tokens: number) => {
    let text = "";
    for await (const { choices } of await begin(content, tokens)) text += choices[0]?.delta.content ?? "";
    return text;
  };
  // Shows the queue the usual length of an answer.
  for (let time = 0; time < 6; time++) await ask(`Say ${time}`, 2);

  let isShortOver = false;
  let short: Promise<string> | undefined;
  let said = "";
  let [tokens, after] = [0, 0];
  for await (const { choices } of await begin(STORY)) {
    said += choices[0]?.delta.content ?? "";
    tokens += 1;
    short ??= ask("Say hi", 2).finally(() => {
      isShortOver = true;
    });
    if (isShortOver) after += 1;
    if (after === AFTER) break;
  }
  expect(after).toBe(AFTER);
  await short;
  const alone = await ask(STORY, tokens);
  // A piece is about one token: text that waited comes in one piece, and some tokens have no text.
  const length = Math.min(said.length, alone.length);
  expect(length).toBeGreaterThan(0.8 * said.length);
  expect(said.slice(0, length)).toBe(alone.slice(0, length));
}, 240_000);
