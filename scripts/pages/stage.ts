import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { startBrowser } from "../../test/fixtures/chromium.ts";
import { announcedUrl } from "../clients/kit/process.ts";

export type Stage = {
  /** Of the gateway. */
  readonly url: string;
  readonly browser: Browser;
  /** Stops what loads the gateway; it has stopped when `act` has ended. */
  readonly load: AbortController;
};

/** Runs a gateway with a state of its own, and a browser, for as long as `act` goes on. `words` are settings of the gateway. */
export async function withStage(words: readonly string[], act: (stage: Stage) => Promise<void>): Promise<void> {
  const state = await mkdtemp(join(tmpdir(), "sluice-pages-"));
  const all = ["--port", "0", "--state-file", join(state, "state.db"), "--no-warm-presets", ...words];
  const gateway = spawn(process.execPath, ["src/main.ts", ...all], { stdio: ["ignore", "pipe", "ignore"] });
  const load = new AbortController();
  let browser: Browser | undefined;
  try {
    const url = await announcedUrl(gateway.stdout);
    browser = await startBrowser();
    await act({ url, browser, load });
  } finally {
    load.abort();
    await browser?.close();
    if (gateway.exitCode === null && gateway.signalCode === null) {
      gateway.kill("SIGINT");
      await once(gateway, "exit");
    }
    await rm(state, { recursive: true, force: true });
  }
}
