/**
 * Leaves pages open under load, and tells how much memory each holds after a collection of garbage: `npm run pages:heap -- --minutes 25 --times 3`.
 * With `--times 3` each second is shown three times, so that 25 minutes have the snapshots of 75.
 */
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Browser, CDPSession, Page } from "playwright-core";
import { type Stage, withStage } from "./pages/stage.ts";
import { hasten } from "./pages-heap/hasten.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "25" },
    times: { type: "string", default: "3" },
    every: { type: "string", default: "60" },
  },
});
const [minutes, times, everySeconds] = [values.minutes, values.times, values.every].map(Number);
if (![minutes, times, everySeconds].every((value) => value !== undefined && value > 0)) {
  throw new Error("--minutes, --times and --every: give numbers above 0.");
}
const MINUTE_MS = 60_000;
const MODEL = "smollm2-135m-instruct";

/** A page that is looked at over time. */
type Watched = { readonly name: string; readonly page: Page; readonly inspector: CDPSession };

/** Conversations that were had and deleted. */
let chats = 0;

await withStage(["--slots", "2", "--max-tokens", "48"], async ({ url, browser, load }) => {
  await using haste = await hasten(url, times ?? 1);
  const watched = [
    await open(browser, "Now", `${haste.url}/`),
    await open(browser, "Requests", `${haste.url}/requests`),
    await open(browser, "Chat", `${haste.url}/chat`),
  ];
  void keepBusy({ url, load });
  void keepChatting(watched[2]?.page, load.signal);
  console.log(
    ["minute", "snapshots", ...watched.flatMap(({ name }) => [`${name} KB`, "nodes", "listeners"]), "chats"].join("\t"),
  );
  const startedMs = performance.now();
  while (performance.now() - startedMs < (minutes ?? 1) * MINUTE_MS) {
    await setTimeout((everySeconds ?? 60) * 1_000);
    const told = [];
    for (const each of watched) told.push(...(await measure(each)));
    const passedMinutes = ((performance.now() - startedMs) / MINUTE_MS).toFixed(1);
    console.log([passedMinutes, haste.snapshots(), ...told, chats].join("\t"));
  }
});

async function open(within: Browser, name: string, url: string): Promise<Watched> {
  // Apart from the others, so that each has a heap of its own.
  const context = await within.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(0);
  page.on("pageerror", (error) => console.error(`${name}: ${error.message}`));
  // What pages ask for again and again is hastened like the snapshots.
  await page.addInitScript(
    `{ const later = window.setTimeout; window.setTimeout = (run, ms = 0, ...rest) => later(run, ms / ${times}, ...rest); }`,
  );
  await page.goto(url);
  return { name, page, inspector: await context.newCDPSession(page) };
}

/** In KB, after what nobody refers to is gone; and what is in the document. */
async function measure({ inspector }: Watched): Promise<readonly number[]> {
  for (let round = 0; round < 3; round += 1) await inspector.send("HeapProfiler.collectGarbage");
  const { usedSize } = await inspector.send("Runtime.getHeapUsage");
  const { nodes, jsEventListeners } = await inspector.send("Memory.getDOMCounters");
  return [Math.round(usedSize / 1_024), nodes, jsEventListeners];
}

/** A conversation at a time. */
async function keepBusy({ url, load }: Pick<Stage, "url" | "load">): Promise<void> {
  for (let turn = 0; !load.signal.aborted; turn += 1) {
    await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        ...{ model: MODEL, max_tokens: 24 },
        messages: [{ role: "user", content: `What is special about the number ${turn}?` }],
      }),
      signal: load.signal,
    })
      .then((response) => response.text())
      .catch(() => {});
    await setTimeout(2_000);
  }
}

/** One conversation after another, each deleted after its answer: what stays is none of the reader's own. */
async function keepChatting(page: Page | undefined, signal: AbortSignal): Promise<void> {
  if (page === undefined) return;
  for (let turn = 0; !signal.aborted; turn += 1) {
    try {
      await page.getByRole("button", { name: "New conversation" }).first().click();
      await page.getByRole("textbox", { name: "Message" }).fill(`Write **bold** words and a list about ${turn}.`);
      await page.keyboard.press("Enter");
      await page.locator(".facts").first().waitFor();
      // What can be done with a conversation is shown where the focus is.
      await page.locator(".list-title").first().focus();
      await page
        .getByRole("button", { name: /^Delete “/ })
        .first()
        .click();
    } catch (error) {
      if (!signal.aborted) console.error(`Chat: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    chats += 1;
    await setTimeout(6_000);
  }
}
