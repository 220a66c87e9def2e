import { readFile } from "node:fs/promises";
import type { Page, Route } from "playwright-core";
import { describe, expect, inject, it } from "vitest";
import { browserOfTests, expectAccessible, expectNoSidewaysScroll } from "../fixtures/browser.ts";
import { HOSTILE_MARKDOWN } from "../fixtures/hostile-markdown.ts";
import { openLine } from "../fixtures/line.ts";
import { complete } from "./client.ts";

const CHAT = "**/v1/chat/completions";

const look = browserOfTests();
const url = () => `${inject("gatewayUrl")}/chat`;

const composer = (page: Page) => page.getByRole("textbox", { name: "Message", exact: true });
const answers = (page: Page) => page.locator(".answer");
const stop = (page: Page) => page.getByRole("button", { name: "Stop", exact: true });

async function send(page: Page, text: string): Promise<void> {
  await composer(page).fill(text);
  await composer(page).press("Enter");
}

/** What the newest answer says so far. */
async function textOf(page: Page): Promise<string> {
  return (await answers(page).last().locator(".markdown").textContent()) ?? "";
}

/** The label of what has the focus. */
function focused(page: Page): Promise<unknown> {
  return page.evaluate("document.activeElement.getAttribute('aria-label')");
}

async function grownBeyond(page: Page, chars: number): Promise<void> {
  await expect.poll(async () => (await textOf(page)).length).toBeGreaterThan(chars);
}

/** Waits until the newest answer is whole. */
async function answered(page: Page): Promise<void> {
  await answers(page).last().locator(".facts").waitFor();
  await page.getByRole("button", { name: "Send", exact: true }).waitFor();
}

/** Sets a longest length: the small model doesn't always end by itself. */
async function limit(page: Page, tokens: number): Promise<void> {
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByLabel("Tokens at most").fill(String(tokens));
  await page.getByRole("button", { name: "Close" }).click();
}

/** The answer that the page has stored. */
function storedAnswer(page: Page): Promise<unknown> {
  return page.evaluate(`new Promise((resolve, reject) => {
    const opening = indexedDB.open("sluice-chat");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const reading = opening.result.transaction("messages").objectStore("messages").getAll();
      reading.onsuccess = () => resolve(reading.result.find(({ role }) => role === "assistant")?.content);
    };
  })`);
}

/** The same answer as an undisturbed client gets it. */
async function wholeAnswer(content: string, tokens: number): Promise<string | undefined> {
  const { choices } = await complete({ messages: [{ role: "user", content }], ...lengthened(tokens) });
  return choices[0]?.message.content;
}

function lengthened(tokens: number) {
  return { max_tokens: tokens, ignore_eos: true, temperature: 0 };
}

/** Has the model write this many tokens, however soon it would end by itself, and always the same. */
async function lengthen(page: Page, tokens: number): Promise<void> {
  await page.route(CHAT, (route) =>
    route.continue({ postData: { ...route.request().postDataJSON(), ...lengthened(tokens) } }),
  );
}

/** A streamed answer with these deltas, in place of the model's. */
function fulfil(route: Route, ...deltas: readonly object[]): Promise<void> {
  const chunks = deltas.map((delta) => ({ model: "routed", choices: [{ index: 0, delta, finish_reason: null }] }));
  const last = { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] };
  const body = [...chunks, last].map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join("");
  return route.fulfill({ headers: { "content-type": "text/event-stream" }, body: `${body}data: [DONE]\n\n` });
}

describe("the page Chat", () => {
  it("sends a message, shows the answer as it is written, and says what it took", async () => {
    await using line = await openLine(inject("gatewayUrl"));
    await using seen = await look(`${line.url}/chat`);
    const { page, faults } = seen;
    await lengthen(page, 60);
    line.hold("POST /v1/chat/completions", 4_000);
    await send(page, "Tell a story about a lock on a canal.");
    await stop(page).waitFor();
    await grownBeyond(page, 0);
    const early = await textOf(page);
    line.release();
    await answered(page);
    const late = await textOf(page);
    expect(late.length).toBeGreaterThan(early.length);
    expect(late.startsWith(early.slice(0, 1))).toBe(true);
    const facts = (await page.locator(".facts").textContent()) ?? "";
    expect(facts).toMatch(/first token after [\d.]+ (ms|s)/);
    expect(facts).toMatch(/[\d.]+ tokens\/s/);
    expect(facts).toMatch(/prompt of \d+/);
    expect(faults).toEqual([]);
  });

  it("stops an answer with Escape, and writes it on", async () => {
    await using line = await openLine(inject("gatewayUrl"));
    await using seen = await look(`${line.url}/chat`);
    const { page, faults } = seen;
    await lengthen(page, 400);
    line.hold("POST /v1/chat/completions", 4_000);
    await send(page, "Count from one to a thousand, in words.");
    await answers(page).locator(".markdown").waitFor();
    await page.keyboard.press("Escape");
    await page.getByText("Stopped", { exact: true }).waitFor();
    const before = await textOf(page);
    await page.getByRole("button", { name: "Continue" }).click();
    await stop(page).waitFor();
    await grownBeyond(page, before.length);
    await stop(page).click();
    await page.getByText("Stopped", { exact: true }).waitFor();
    expect(await answers(page).count()).toBe(1);
    expect(faults).toEqual([]);
  });

  it("keeps the branches of edited messages and of answers that were asked for again", async () => {
    await using seen = await look(url());
    const { page } = seen;
    await limit(page, 12);
    await send(page, "Say something.");
    await answered(page);
    const first = await textOf(page);
    await page.getByRole("button", { name: "Regenerate" }).click();
    await page.getByRole("group", { name: "Branch 2 of 2" }).waitFor();
    await answered(page);
    await page.getByRole("button", { name: "The branch before" }).click();
    await page.getByRole("group", { name: "Branch 1 of 2" }).waitFor();
    expect(await textOf(page)).toBe(first);

    await page.getByRole("button", { name: "Edit your message" }).click();
    await page.getByRole("textbox", { name: "Your message" }).fill("Say something else.");
    await page.keyboard.press("Control+Enter");
    await page.getByText("Say something else.", { exact: true }).waitFor();
    await answered(page);
    await page.locator(".question").getByRole("button", { name: "The branch before" }).click();
    await expect.poll(() => page.locator(".question-text").allTextContents()).toEqual(["Say something."]);
  });

  it("loses nothing when it is loaded again in the middle of an answer", async () => {
    await using line = await openLine(inject("gatewayUrl"));
    await using seen = await look(`${line.url}/chat`);
    const { page, faults } = seen;
    await lengthen(page, 160);
    // The page gets some tokens at once, and the rest not before it was loaded again and says so.
    line.hold("POST /v1/chat/completions", 4_000);
    await send(page, "Tell a long story about a ship.");
    await grownBeyond(page, 0);
    line.hold("GET /v1/streams/", 0);
    await page.reload();
    await stop(page).waitFor();
    line.release();
    await answered(page);
    expect(await storedAnswer(page)).toBe(await wholeAnswer("Tell a long story about a ship.", 160));
    expect(await page.locator(".facts").textContent()).toContain("160 tokens");
    expect(await page.locator(".note").count()).toBe(0);
    expect(faults).toEqual([]);
  });

  it("keeps a message when it is loaded again before anything of an answer came", async () => {
    await using line = await openLine(inject("gatewayUrl"));
    await using seen = await look(`${line.url}/chat`);
    const { page } = seen;
    line.hold("POST /v1/chat/completions", 0);
    await send(page, "A message that is sent in haste.");
    await page.reload();
    await page.locator(".list-title", { hasText: "A message that is sent in haste." }).click();
    await page.locator(".question-text", { hasText: "A message that is sent in haste." }).waitFor();
    line.release();
  });

  it("loses nothing when its connection breaks", async () => {
    await using line = await openLine(inject("gatewayUrl"));
    await using seen = await look(`${line.url}/chat`);
    const { page } = seen;
    await lengthen(page, 160);
    line.hold("POST /v1/chat/completions", 4_000);
    await send(page, "Tell a long story about a mill.");
    await grownBeyond(page, 0);
    line.cut();
    await page.getByText("Taking the answer up again").waitFor();
    line.mend();
    await answered(page);
    expect(await storedAnswer(page)).toBe(await wholeAnswer("Tell a long story about a mill.", 160));
    expect(await page.locator(".note").count()).toBe(0);
  });

  it("shows an error in the server's words, and tries again", async () => {
    await using seen = await look(url());
    const { page } = seen;
    await limit(page, 8);
    await page.route(CHAT, (route) =>
      route.fulfill({
        status: 503,
        json: { error: { message: "Too busy. Please try again in 2s.", code: "server_overloaded" } },
      }),
    );
    await send(page, "Hello");
    await page.getByRole("alert").getByText("Too busy. Please try again in 2s.").waitFor();
    await page.unroute(CHAT);
    await page.getByRole("button", { name: "Try again" }).click();
    await answered(page);
    await answers(page).locator(".markdown").waitFor();
  });

  it("says so when the gateway can't be reached", async () => {
    await using seen = await look(url());
    const { page } = seen;
    await composer(page).waitFor();
    await page.context().setOffline(true);
    await send(page, "Hello");
    await page.getByRole("alert").getByText("The gateway can't be reached").waitFor();
  });

  it("shows each token's probability, and goes on from another", async () => {
    await using seen = await look(url());
    const { page, faults } = seen;
    // A sampled answer may begin with a part of a character, after which no other token can be written.
    await lengthen(page, 10);
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByLabel("Probabilities of tokens").check();
    await page.getByRole("button", { name: "Close" }).click();
    await send(page, "The capital of France is");
    await answered(page);
    await page.getByRole("button", { name: "Tokens" }).click();
    await page.locator(".token").nth(2).hover();
    const others = page.getByRole("table", { name: /^What could have been/ });
    await expect.poll(() => others.getByRole("row").count()).toBeGreaterThanOrEqual(5);
    await expectAccessible(page);
    // Where the pointer rests, what moves below it is chosen.
    await page.mouse.move(0, 0);
    await page.getByRole("listbox", { name: "The answer's tokens" }).focus();
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowRight");
    await page.locator('.token[aria-selected=true][data-at="1"]').waitFor();
    await others.getByRole("button", { name: "Go on from this one" }).first().click();
    await page.getByRole("group", { name: "Branch 2 of 2" }).waitFor();
    await answered(page);
    expect(faults).toEqual([]);
  });

  it("asks two models at once, and shows their answers side by side", async () => {
    await using seen = await look(url());
    const { page, faults } = seen;
    await limit(page, 10);
    await page.getByRole("button", { name: "Compare" }).click();
    await expect.poll(() => page.getByRole("combobox").count()).toBe(2);
    await send(page, "The sky is blue.");
    await page.locator(".thread").nth(0).locator(".facts").waitFor();
    await page.locator(".thread").nth(1).locator(".facts").waitFor();
    await expectAccessible(page);
    await expectNoSidewaysScroll(page);
    expect(faults).toEqual([]);
  });

  it("has calls answered by the user", async () => {
    await using seen = await look(url());
    const { page } = seen;
    const bodies: { messages: unknown[]; tools?: unknown }[] = [];
    await page.route(CHAT, (route) => {
      bodies.push(route.request().postDataJSON());
      const call = {
        index: 0,
        id: "call_1",
        type: "function",
        function: { name: "weather", arguments: '{"city":"Ghent"}' },
      };
      return fulfil(route, bodies.length === 1 ? { tool_calls: [call] } : { content: "It rains." });
    });
    await page.getByRole("button", { name: "Settings" }).click();
    const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object" } } }];
    await page.getByLabel("Tools").fill("[{");
    await page.getByText("The tools are no JSON").first().waitFor();
    await page.getByLabel("Tools").fill(JSON.stringify(tools));
    await page.getByRole("button", { name: "Close" }).click();
    await send(page, "How is the weather in Ghent?");
    await page.getByLabel("Result of weather").fill("rain, 9 °C");
    await page.getByRole("button", { name: "Send the result" }).click();
    await page.getByText("It rains.").waitFor();
    expect(bodies[0]?.tools).toEqual(tools);
    expect(bodies[1]?.messages.at(-1)).toEqual({ role: "tool", tool_call_id: "call_1", content: "rain, 9 °C" });
  });

  it("finds, renames, deletes and brings back conversations, and keeps them", async () => {
    await using seen = await look(url());
    const { page } = seen;
    await page.route(CHAT, (route) => fulfil(route, { content: "A heron stands in the reeds." }));
    await send(page, "What is a bird?");
    await answered(page);
    await page.getByRole("button", { name: "New conversation" }).click();
    await send(page, "Something else");
    await answered(page);
    await page.getByRole("searchbox").fill("HERON reeds bird");
    await page.getByText("None has these words.").waitFor();
    await page.getByRole("searchbox").fill("bird");
    await expect.poll(() => page.locator(".list-title").allTextContents()).toEqual(["What is a bird?"]);
    await page.getByRole("searchbox").fill("");
    const item = page.locator(".list-item", { hasText: "What is a bird?" });
    await item.hover();
    await item.getByRole("button", { name: /^Rename/ }).click();
    await page.getByRole("textbox", { name: "Name of the conversation" }).fill("Birds");
    await page.keyboard.press("Enter");
    const renamed = page.locator(".list-item", { hasText: "Birds" });
    await renamed.hover();
    await renamed.getByRole("button", { name: /^Delete/ }).click();
    await page.getByText("“Birds” was deleted.").waitFor();
    await expect.poll(() => page.locator(".list-title").allTextContents()).toEqual(["Something else"]);
    await page.getByRole("button", { name: "Undo" }).click();
    await page.locator(".question-text", { hasText: "What is a bird?" }).waitFor();
    await page.reload();
    await page.locator(".question-text", { hasText: "What is a bird?" }).waitFor();
    await expect
      .poll(async () => (await page.locator(".list-title").allTextContents()).sort())
      .toEqual(["Birds", "Something else"]);
  });

  it("exports conversations, imports those that are not there, and refuses other files", async () => {
    await using seen = await look(url());
    const { page } = seen;
    await page.route(CHAT, (route) => fulfil(route, { content: "An answer." }));
    await send(page, "To be exported");
    await answered(page);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Export", exact: true }).click(),
    ]);
    const file = await readFile(await download.path());
    const choose = page.getByLabel("File to import");
    const give = (name: string, buffer: Buffer) => choose.setInputFiles({ name, mimeType: "application/json", buffer });
    await give("other.json", Buffer.from('{"messages": []}'));
    await page.getByRole("alert").getByText("no export of this page").waitFor();
    expect(await page.locator(".list-title").count()).toBe(1);
    await page.getByRole("button", { name: "Dismiss" }).click();
    await page.getByRole("alert").waitFor({ state: "detached" });
    await give("other.json", Buffer.from("{"));
    await page.getByRole("alert").getByText("no JSON").waitFor();
    // The next act is done with it.
    await give("export.json", file);
    await page.getByText("0 conversations imported. 1 conversation skipped").waitFor();
    expect(await page.locator(".list-title").count()).toBe(1);
    await page.locator(".list-item").hover();
    await page.getByRole("button", { name: /^Delete/ }).click();
    await expect.poll(() => page.locator(".list-title").count()).toBe(0);
    await give("export.json", file);
    await expect.poll(() => page.locator(".list-title").count()).toBe(1);
    await page.getByRole("alert").waitFor({ state: "detached" });
    await page.locator(".list-title").first().click();
    await page.locator(".question-text", { hasText: "To be exported" }).waitFor();
  });

  it("shows a request as a program", async () => {
    await using seen = await look(url());
    const { page } = seen;
    await page.route(CHAT, (route) => fulfil(route, { content: "An answer." }));
    await send(page, "It's a test");
    await answered(page);
    await page.getByRole("button", { name: "Code: the request as curl, TypeScript or Python" }).click();
    const dialog = page.getByRole("dialog", { name: "The request as a program" });
    await dialog.getByText("curl --no-buffer").waitFor();
    await dialog.getByRole("radio", { name: "Python" }).check();
    await dialog.getByText("from openai import OpenAI").waitFor();
    await expectAccessible(page);
  });

  it("colours code, with what does that loaded only then", async () => {
    await using seen = await look(url());
    const { page, faults } = seen;
    const loaded: string[] = [];
    page.on("request", (request) => loaded.push(request.url()));
    await page.route(CHAT, (route) => fulfil(route, { content: "Look:\n\n```ts\nconst a = 'b';\n```\n" }));
    expect(loaded.filter((each) => each.includes("highlight"))).toEqual([]);
    await send(page, "Code, please");
    await page.locator(".hljs-keyword", { hasText: "const" }).waitFor();
    await expect.poll(() => loaded.some((each) => each.includes("highlight"))).toBe(true);
    expect(faults).toEqual([]);
  });

  it("isn't harmed by what a model writes", async () => {
    await using seen = await look(url());
    const { page, faults } = seen;
    const elsewhere: string[] = [];
    page.on("request", (request) => {
      if (new URL(request.url()).origin !== inject("gatewayUrl")) elsewhere.push(request.url());
    });
    let text = "";
    // In pieces, so that half of an attack is rendered, too.
    await page.route(CHAT, (route) =>
      fulfil(route, ...(text.match(/[\s\S]{1,300}/g) ?? []).map((content) => ({ content }))),
    );
    for (const [name, hostile] of Object.entries(HOSTILE_MARKDOWN)) {
      text = hostile;
      await page.getByRole("button", { name: "New conversation" }).click();
      await send(page, name);
      await answered(page);
      expect(await page.evaluate("window.attacked"), name).toBeUndefined();
      await expectNoSidewaysScroll(page);
      // What is outside of the messages is still what is there.
      const isCovered = await page.evaluate(`["nav", ".list", ".bar-row", ".composer"].filter((part) => {
        const { x, y, width, height } = document.querySelector(part).getBoundingClientRect();
        return document.elementFromPoint(x + width / 2, y + height / 2)?.closest(".markdown") !== null;
      })`);
      expect(isCovered, name).toEqual([]);
    }
    expect(elsewhere).toEqual([]);
    expect(faults).toEqual([]);
    expect(new URL(page.url()).pathname).toBe("/chat");
  });

  it("enforces Trusted Types, should anything of its own ever write HTML", async () => {
    await using seen = await look(url());
    const { page } = seen;
    const told = await page.evaluate(`(() => {
      try { document.body.innerHTML = "<b>a</b>"; return "written"; } catch (error) { return error.name; }
    })()`);
    expect(told).toBe("TypeError");
  });

  it("can be used by keyboard alone", async () => {
    await using seen = await look(url());
    const { page } = seen;
    await page.route(CHAT, (route) => fulfil(route, { content: "An answer." }));
    await composer(page).waitFor();
    await expect.poll(() => focused(page)).toBe("Message");
    await page.keyboard.type("first line");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("second line");
    await page.keyboard.press("Enter");
    await answered(page);
    expect(await page.locator(".question-text").textContent()).toBe("first line\nsecond line");
    await expect.poll(() => focused(page)).toBe("Message");
    // Backwards from where one writes: the last answer's buttons, the one before it, the messages.
    await page.keyboard.press("Shift+Tab");
    await expect.poll(() => page.evaluate("document.activeElement.textContent")).toBe("Code");
    await expect.poll(() => page.getByRole("status").allTextContents()).toContain("The answer is complete: 2 words.");
  });

  it.each([
    ["light", "light", 1280, 900],
    ["dark", "dark", 1280, 900],
    ["narrow", "light", 360, 740],
    ["wide", "dark", 2200, 1200],
  ] as const)("hinders nobody: %s", async (_, colorScheme, width, height) => {
    await using seen = await look(url(), { colorScheme, viewport: { width, height } });
    const { page, faults } = seen;
    const content =
      "# Title\n\nText with `code` and [a link](https://example.com).\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```ts\nlet a = 1;\n```";
    await page.route(CHAT, (route) => fulfil(route, { reasoning_content: "Hm." }, { content }));
    await composer(page).waitFor();
    await expectAccessible(page);
    await send(page, "Hello");
    await answered(page);
    await page.locator(".hljs-keyword").waitFor();
    await expectAccessible(page);
    await expectNoSidewaysScroll(page);
    await page.getByRole("button", { name: "Settings" }).click();
    await expectAccessible(page);
    await expectNoSidewaysScroll(page);
    expect(faults).toEqual([]);
  });

  it("loads less than 150 KB", async () => {
    await using seen = await look("about:blank");
    const { page } = seen;
    let bytes = 0;
    const sizes: Promise<unknown>[] = [];
    page.on("requestfinished", (request) => {
      sizes.push(request.sizes().then(({ responseBodySize }) => (bytes += responseBodySize)));
    });
    await page.goto(url());
    await composer(page).waitFor();
    await page.waitForLoadState("networkidle");
    // The browser tells of an end a little later.
    await expect.poll(() => bytes).toBeGreaterThan(10_000);
    await Promise.all(sizes);
    expect(bytes).toBeLessThan(150_000);
  });
});
