import type { Route } from "playwright-core";
import { describe, expect, inject, it } from "vitest";
import { browserOfTests, expectAccessible, expectNoSidewaysScroll } from "../fixtures/browser.ts";
import { throughCut } from "../fixtures/cut.ts";
import { post } from "./client.ts";

const look = browserOfTests();
const url = (path = "/") => inject("gatewayUrl") + path;

/** The document, its script and its style, those of the page, what they share, and what is asked of the gateway. */
const MOST_REQUESTS = 12;

/** Asks for long answers, one more at a time than there are slots, until the scope ends. */
function underLoad(): AsyncDisposable {
  const left = new AbortController();
  async function askOn(index: number): Promise<void> {
    while (!left.signal.aborted) {
      const response = await post(
        {
          ...{ stream: true, max_tokens: 900, ignore_eos: true, temperature: 1, seed: index },
          messages: [{ role: "user", content: `Tell a long story about the number ${index}.` }],
        },
        { signal: left.signal },
      );
      await response.text();
    }
  }
  const asked = Array.from({ length: inject("gatewaySlots") + 1 }, (_, index) =>
    askOn(index).catch((error: unknown) => {
      if (!left.signal.aborted) throw error;
    }),
  );
  return {
    async [Symbol.asyncDispose]() {
      left.abort();
      await Promise.all(asked);
    },
  };
}

describe("the page Now", () => {
  it("shows what the gateway does while it does it", async () => {
    await using seen = await look(url());
    const { page, faults } = seen;
    await page.getByText("live, up").waitFor();
    await page.getByText("Nobody waits.").waitFor();
    {
      await using _ = underLoad();
      const slots = page.getByRole("table", { name: "Slots" });
      await slots
        .getByText(/^…/)
        .nth(inject("gatewaySlots") - 1)
        .waitFor();
      const waiting = page.getByRole("table", { name: "Requests that wait" });
      await waiting.getByText("local").waitFor();
      await page.getByRole("img", { name: /^Time to the first token/ }).waitFor();
      await expect
        .poll(() => page.locator(".figure", { hasText: "Running" }).locator("dd").textContent())
        .toMatch(/^4/);
    }
    await page.getByText("Nobody waits.").waitFor();
    expect(faults).toEqual([]);
  });

  it("is there before the gateway has told anything, after few requests", async () => {
    await using seen = await look("about:blank");
    const { page } = seen;
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    const told = Promise.withResolvers<void>();
    await page.route("**/admin/live", async (route) => {
      await told.promise;
      await route.continue();
    });
    await page.goto(url());
    await page.getByRole("heading", { name: "Now", level: 1 }).waitFor();
    expect(asked.length).toBeLessThanOrEqual(MOST_REQUESTS);
    told.resolve();
    await page.getByText("live, up").waitFor();
  });

  it("loads less than 150 KB", async () => {
    await using seen = await look("about:blank");
    const { page } = seen;
    let bytes = 0;
    const sizes: Promise<unknown>[] = [];
    page.on("requestfinished", (request) => {
      if (!request.url().includes("/admin/"))
        sizes.push(request.sizes().then((size) => (bytes += size.responseBodySize)));
    });
    await page.goto(url());
    await page.getByText("live, up").waitFor();
    // The browser tells of an end a little later.
    await expect.poll(() => bytes).toBeGreaterThan(1_000);
    await Promise.all(sizes);
    expect(bytes).toBeLessThan(150_000);
  });

  it.each([
    ["light", "light", 1280],
    ["dark", "dark", 1280],
    ["narrow", "light", 360],
    ["wide", "dark", 2200],
  ] as const)("hinders nobody: %s", async (_, colorScheme, width) => {
    await using seen = await look(url(), { colorScheme, viewport: { width, height: 900 } });
    const { page, faults } = seen;
    await page.getByRole("table", { name: "Slots" }).waitFor();
    await expectAccessible(page);
    await expectNoSidewaysScroll(page);
    expect(faults).toEqual([]);
  });

  it("can be used by keyboard alone", async () => {
    await using seen = await look(url());
    const { page } = seen;
    await page.getByText("live, up").waitFor();
    await page.keyboard.press("Tab");
    await expect.poll(() => page.evaluate("document.activeElement.textContent")).toContain("Skip to the content");
    await page.keyboard.press("Enter");
    await page.waitForURL(/#content$/);
    await page.getByRole("radio", { name: "Dark" }).focus();
    await page.keyboard.press("Space");
    await page.locator("html[data-theme=dark]").waitFor();
    await page.reload();
    await page.locator("html[data-theme=dark]").waitFor();
    await page.getByRole("button", { name: "Use a key" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "API key" }).waitFor();
    await page.keyboard.press("Escape");
    await expect.poll(() => page.evaluate("document.activeElement.textContent")).toBe("Use a key");
  });

  it("asks for a key where one is needed, once, and keeps asking while it is refused", async () => {
    await using seen = await look("about:blank");
    const { page } = seen;
    const error = { message: "Incorrect API key provided. Send it as a header.", code: "invalid_api_key" };
    const guard = async (route: Route) => {
      const isKnown = (await route.request().headerValue("authorization")) === "Bearer sk-good";
      if (isKnown) await route.continue();
      else await route.fulfill({ status: 401, json: { error } });
    };
    await page.route("**/admin/live", guard);
    await page.route("**/v1/models", guard);
    await page.goto(url());
    const dialog = page.getByRole("dialog", { name: "API key" });
    await dialog.getByText("This gateway needs a key.").waitFor();
    expect(await page.getByText("This gateway needs a key.").count()).toBe(1);
    await dialog.getByLabel("Key").fill("sk-bad");
    await page.keyboard.press("Enter");
    await dialog.getByText("This key isn't known.").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Give a key" }).click();
    await dialog.getByLabel("Key").fill("sk-good");
    await page.keyboard.press("Enter");
    await page.getByText("live, up").waitFor();
    await page.getByText("header").waitFor({ state: "detached" });
  });

  it("asks again when a key is none for admins, or is known no more", async () => {
    await using seen = await look("about:blank");
    const { page } = seen;
    const codes = [
      [403, "insufficient_permissions"],
      [401, "invalid_api_key"],
    ] as const;
    const left = [...codes];
    await page.route("**/admin/live", async (route) => {
      const isAsked = (await route.request().headerValue("authorization")) !== null;
      const [status, code] = (isAsked ? left.shift() : codes[1]) ?? [];
      if (status === undefined) await route.continue();
      else await route.fulfill({ status, json: { error: { message: "No.", code } } });
    });
    await page.goto(url());
    const dialog = page.getByRole("dialog", { name: "API key" });
    for (const [secret, reason] of [
      ["sk-1", "This page needs an admin key"],
      ["sk-2", "This key isn't known."],
    ] as const) {
      await dialog.getByLabel("Key").fill(secret);
      await page.keyboard.press("Enter");
      await dialog.getByText(reason).waitFor();
    }
    await dialog.getByLabel("Key").fill("sk-3");
    await page.keyboard.press("Enter");
    await page.getByText("live, up").waitFor();
    await dialog.waitFor({ state: "hidden" });
  });

  it("says that it is old when the gateway can't be reached, and goes on when it can", async () => {
    await using way = await throughCut(url());
    await using seen = await look(way.url);
    const { page } = seen;
    await page.getByText("live, up").waitFor();
    way.cut();
    await page.getByText("what is below is old").waitFor();
    way.mend();
    await page.getByText("live, up").waitFor();
  });
});
