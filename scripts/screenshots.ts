/**
 * Takes the pictures of the docs: `npm run screenshots`. A gateway of its own answers requests of several keys meanwhile. With a folder as an
 * argument it takes every page in every look instead, for people who change the pages.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import { PAGE_PATHS } from "../src/http/page-paths.ts";
import { startBrowser } from "../test/fixtures/chromium.ts";
import { announcedUrl } from "./clients/kit/process.ts";

const LOOKS = [
  { name: "light", colorScheme: "light", width: 1280 },
  { name: "dark", colorScheme: "dark", width: 1280 },
  { name: "narrow", colorScheme: "light", width: 390 },
  { name: "wide", colorScheme: "dark", width: 2000 },
] as const;

/** How long a page is under load before it is looked at, so that its charts have something to show. */
const LOAD_MS = 40_000;

const folder = process.argv[2];
const state = await mkdtemp(join(tmpdir(), "sluice-screenshots-"));
const words = ["--port", "0", "--slots", "3", "--state-file", join(state, "state.db"), "--no-warm-presets"];
const gateway = spawn(process.execPath, ["src/main.ts", ...words], { stdio: ["ignore", "pipe", "ignore"] });
const url = await announcedUrl(gateway.stdout);
const browser = await startBrowser();
const load = new AbortController();
try {
  if (folder === undefined) await takeForDocs(browser);
  else await takeAll(browser, folder);
} finally {
  load.abort();
  await browser.close();
  gateway.kill("SIGINT");
  await once(gateway, "exit");
  await rm(state, { recursive: true, force: true });
}

async function takeForDocs(browser: Browser): Promise<void> {
  await mkdir("docs/images", { recursive: true });
  await takeChat(browser);
  const page = await open(browser, LOOKS[0], "/");
  keepBusy();
  await setTimeout(LOAD_MS);
  await page.screenshot({ path: "docs/images/now.png", clip: { x: 0, y: 0, width: 1280, height: 960 } });
}

async function takeChat(browser: Browser): Promise<void> {
  const page = await open(browser, LOOKS[0], "/chat");
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByLabel("Tokens at most").fill("160");
  await page.getByLabel("Probabilities of tokens").check();
  await page.getByRole("button", { name: "Close" }).click();
  const questions = ["What is a canal lock?", "List three kinds of gates, with a short sentence on each."];
  for (const [index, question] of questions.entries()) {
    await page.getByRole("textbox", { name: "Message" }).fill(question);
    await page.keyboard.press("Enter");
    await page.locator(".facts").nth(index).waitFor();
  }
  await page.getByRole("button", { name: "Tokens" }).last().click();
  await page.locator(".token").nth(12).hover();
  await page.screenshot({ path: "docs/images/chat.png", clip: { x: 0, y: 0, width: 1280, height: 960 } });
  await page.context().close();
}

async function takeAll(browser: Browser, into: string): Promise<void> {
  await mkdir(into, { recursive: true });
  const paths = PAGE_PATHS;
  const pages: { readonly page: Page; readonly name: string }[] = [];
  for (const path of paths) {
    for (const look of LOOKS) {
      const page = await open(browser, look, path);
      pages.push({ page, name: `${path === "/" ? "now" : path.slice(1)}-${look.name}` });
    }
  }
  await setTimeout(2_000);
  for (const { page, name } of pages) await page.screenshot({ path: join(into, `${name}-idle.png`), fullPage: true });
  keepBusy();
  await setTimeout(LOAD_MS);
  for (const { page, name } of pages) await page.screenshot({ path: join(into, `${name}.png`), fullPage: true });
}

async function open(browser: Browser, { colorScheme, width }: (typeof LOOKS)[number], path: string): Promise<Page> {
  const context = await browser.newContext({ colorScheme, viewport: { width, height: 960 } });
  const page = await context.newPage();
  page.on("console", (message) => console.error(`${path}: ${message.text()}`));
  page.on("pageerror", (error) => console.error(`${path}: ${error.message}`));
  await page.goto(url + path);
  return page;
}

/** Conversations that come and go, a few more than there are slots. */
function keepBusy(): void {
  for (let index = 0; index < 6; index += 1) void converse(index);
}

async function converse(index: number): Promise<void> {
  const tiers = ["priority", "default", "flex"];
  for (let turn = 0; !load.signal.aborted; turn += 1) {
    await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        model: "smollm2-135m-instruct",
        service_tier: tiers[index % 3],
        max_tokens: 40 + 60 * (index % 3),
        messages: [
          {
            role: "system",
            content: "You are a careful assistant of a library. Answer in whole sentences, and name your sources.",
          },
          { role: "user", content: `Question ${turn} of reader ${index}: which book should I read next, and why?` },
        ],
      }),
      signal: load.signal,
    })
      .then((response) => response.text())
      .catch(() => {});
    await setTimeout(300 * index);
  }
}
