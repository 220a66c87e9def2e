import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { error } from "../../src/protocols/openai-responses.ts";
import { openState, temporaryFolder } from "../store/support.ts";
import { answerWith, CHAT, chatInit, createTestApp, jsonInit, loopTurn, MODEL_ID, script } from "./support.ts";

const RESPONSES = "/v1/responses";
const CONVERSATIONS = "/v1/conversations";
const input = { model: MODEL_ID, input: "Hi" };

/** An app whose disk has no room for what is to be kept, and what its model was asked for. */
function createFullApp(file: string) {
  const real = openState({ file });
  // No disk has so much.
  const state = { ...real, assertRoom: () => real.assertRoom(Number.MAX_SAFE_INTEGER) };
  let generations = 0;
  const generate = script(async function* () {
    generations += 1;
    yield* answerWith(["Hello"]);
  });
  return { ...createTestApp({ generate, state }), state: real, generations: () => generations };
}

describe("on a full disk", () => {
  it.each([
    ["a chat that is to be stored", CHAT, chatInit({ store: true })],
    ["its stream", CHAT, chatInit({ store: true, stream: true })],
    ["a response", RESPONSES, jsonInit(input)],
    ["its stream", RESPONSES, jsonInit({ ...input, stream: true })],
    ["one in the background", RESPONSES, jsonInit({ ...input, background: true })],
  ])("%s is refused before the model works, in words without a path", async (_, path, init) => {
    using folder = temporaryFolder();
    const { app, log, state, generations } = createFullApp(folder.file);
    const response = await app.request(path, init);
    const { error: told } = error.parse(await response.json());
    expect(response.status).toBe(503);
    expect(told).toMatchObject({ code: "state_unavailable", message: expect.stringContaining("the disk is full") });
    expect(told.message).not.toContain(folder.path);
    expect(told.message).not.toMatch(/(^|\s)\//);
    expect(generations()).toBe(0);
    await loopTurn();
    // Whoever runs it is told which file that is.
    expect(JSON.stringify(log)).toContain(folder.file);
    state.close();
  });

  it("a request that isn't stored is answered", async () => {
    using folder = temporaryFolder();
    const { app, state } = createFullApp(folder.file);
    expect((await app.request(CHAT, chatInit({}))).status).toBe(200);
    expect((await app.request(RESPONSES, jsonInit({ ...input, store: false }))).status).toBe(200);
    expect(existsSync(folder.file)).toBe(false);
    state.close();
  });
});

describe("a state file that can't be used", () => {
  it.each([
    ["is no SQLite file", (file: string) => writeFileSync(file, "x".repeat(4_096))],
    ["is a folder", (file: string) => mkdirSync(file)],
  ])("and %s is reported to clients without its path", async (_, spoil) => {
    using folder = temporaryFolder();
    mkdirSync(dirname(folder.file), { recursive: true });
    spoil(folder.file);
    const state = openState({ file: folder.file });
    const { app } = createTestApp({ state });
    for (const [path, init] of [
      [CHAT, chatInit({ store: true })],
      [RESPONSES, jsonInit(input)],
      [`${RESPONSES}/resp_1`, {}],
      [CONVERSATIONS, jsonInit({})],
    ] as const) {
      const response = await app.request(path, init);
      const text = await response.text();
      expect(response.status).toBe(503);
      expect(text).toContain("state_unavailable");
      expect(text).not.toContain(folder.path);
    }
  });
});
