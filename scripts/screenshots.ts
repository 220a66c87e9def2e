/**
 * Takes the pictures of the docs: `npm run screenshots`. A gateway of its own answers requests of several keys meanwhile. With a folder as an
 * argument it takes every page in every look instead, for people who change the pages.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Page } from "playwright-core";
import { PAGE_PATHS } from "../src/http/page-paths.ts";
import { type Stage, withStage } from "./pages/stage.ts";
import { DARK, LIGHT, LOOKS, open, take } from "./screenshots/camera.ts";
import { type Scene, setScene } from "./screenshots/scene.ts";

/** How long a page is under load before it is looked at, so that its charts have something to show. */
const LOAD_MS = 75_000;
const FOR_DOCS = "docs/images";

const folder = process.argv[2];

await withStage(["--slots", "4"], async (stage) => {
  const scene = await setScene(stage.url);
  if (folder === undefined) await takeForDocs(stage, scene);
  else await takeAll(stage, scene, folder);
});

async function takeForDocs({ url, browser, load }: Stage, scene: Scene): Promise<void> {
  await mkdir(FOR_DOCS, { recursive: true });
  const { operator, nightly } = scene.keys;
  const chat = await openChat({ url, browser }, operator);
  for (const { name, colorScheme } of [LIGHT, DARK]) {
    await chat.emulateMedia({ colorScheme });
    await take(chat, FOR_DOCS, `chat-${name}`);
  }
  await chat.context().close();
  const now = await open(browser, `${url}/`, LIGHT, operator);
  scene.keepBusy(load.signal);
  await setTimeout(LOAD_MS);
  for (const { name, colorScheme } of [DARK, LIGHT]) {
    await now.emulateMedia({ colorScheme });
    // The next second is drawn in the other colours.
    await setTimeout(1_500);
    await take(now, FOR_DOCS, `now-${name}`);
  }
  await now.context().close();
  const requests = await open(browser, `${url}/requests`, LIGHT, operator);
  await requests.getByRole("row").filter({ hasText: "done" }).first().getByRole("link").click();
  await requests.getByRole("heading", { name: "Where the time went" }).waitFor();
  await take(requests, FOR_DOCS, "requests");
  load.abort();

  await scene.beginBatches();
  const batches = await open(browser, `${url}/batches`, LIGHT, nightly);
  // It has a rate once some are done.
  await batches.getByText(/^\d+ of 240/).waitFor();
  await setTimeout(10_000);
  await take(batches, FOR_DOCS, "batches");
  const models = await open(browser, `${url}/models`, DARK, operator);
  await models.getByRole("table").first().waitFor();
  await take(models, FOR_DOCS, "models");
  const keys = await open(browser, `${url}/keys`, LIGHT, operator);
  await keys.getByRole("table", { name: "Keys" }).waitFor();
  await take(keys, FOR_DOCS, "keys");
}

/** A conversation, and the tokens of its last answer. */
async function openChat({ url, browser }: Pick<Stage, "url" | "browser">, key: string): Promise<Page> {
  const page = await open(browser, `${url}/chat`, LIGHT, key);
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByLabel("Temperature").fill("0");
  await page.getByLabel("Tokens at most").fill("120");
  await page.getByLabel("Probabilities of tokens").check();
  await page.getByRole("button", { name: "Close" }).click();
  const questions = ["Write a Python function that reverses a string.", "Say in one short sentence what it does."];
  for (const [index, question] of questions.entries()) {
    await page.getByRole("textbox", { name: "Message" }).fill(question);
    await page.keyboard.press("Enter");
    await page.locator(".facts").nth(index).waitFor({ timeout: 0 });
  }
  await page.getByRole("button", { name: "Tokens" }).last().click();
  await page.locator(".token").nth(12).hover();
  return page;
}

async function takeAll({ url, browser, load }: Stage, scene: Scene, into: string): Promise<void> {
  await mkdir(into, { recursive: true });
  const pages: { readonly page: Page; readonly name: string }[] = [];
  for (const path of PAGE_PATHS) {
    for (const look of LOOKS) {
      const page = await open(
        browser,
        url + path,
        look,
        path === "/batches" ? scene.keys.nightly : scene.keys.operator,
      );
      pages.push({ page, name: `${path === "/" ? "now" : path.slice(1)}-${look.name}` });
    }
  }
  await setTimeout(2_000);
  for (const { page, name } of pages) await page.screenshot({ path: join(into, `${name}-idle.png`), fullPage: true });
  await scene.beginBatches();
  scene.keepBusy(load.signal);
  await setTimeout(LOAD_MS);
  for (const { page, name } of pages) await page.screenshot({ path: join(into, `${name}.png`), fullPage: true });
}
