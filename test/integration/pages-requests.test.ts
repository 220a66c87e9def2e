import { beforeAll, describe, expect, inject, it } from "vitest";
import { browserOfTests, expectAccessible, expectNoSidewaysScroll } from "../fixtures/browser.ts";
import { complete, post, user } from "./client.ts";

const look = browserOfTests();
const url = (path: string) => inject("gatewayUrl") + path;

const RULES = Array.from({ length: 20 }, (_, at) => `Rule ${at}: be kind to all who ask.`).join("\n");
const asked = (time: string) => [
  { role: "system", content: `You are a helper of pages.\nIt is ${time} now.\n${RULES}` },
  { role: "user", content: "Hello!" },
];

/** A request whose prompt differs from an earlier one in a time of day. */
let differing = "";

beforeAll(async () => {
  await complete({ messages: asked("08:15"), max_tokens: 8 });
  const response = await post({ messages: asked("08:16"), max_tokens: 8 });
  await response.text();
  differing = response.headers.get("x-request-id") ?? "";
  await Promise.all(
    Array.from({ length: 10 }, (_, at) => complete({ messages: user(`Count to ${at}.`), max_tokens: 12 })),
  );
});

describe("the page Requests", () => {
  it("shows a request in detail: why it was slow, where its time went, and what the prefix doctor found", async () => {
    await using seen = await look(url("/requests"));
    const { page, faults } = seen;
    const list = page.getByRole("table", { name: "Last requests" });
    await list.getByTitle(differing).click();
    await page.waitForURL(`**/requests?request=${differing}`);
    const shown = page.getByRole("region", { name: "The request" });
    await shown.getByText("A time of day in line 2 of the system text").waitFor();
    await shown.getByRole("heading", { name: "Where the time went" }).waitFor();
    await shown.getByText("Prompt", { exact: true }).first().waitFor();
    await page.goBack();
    await shown.waitFor({ state: "detached" });
    expect(faults).toEqual([]);
  });

  it("filters, and says when nothing is left", async () => {
    await using seen = await look(url("/requests"));
    const { page } = seen;
    await page.getByRole("table", { name: "Last requests" }).waitFor();
    await page.getByLabel("Prefix not reused").check();
    await page.getByRole("table", { name: "Last requests" }).getByTitle(differing).waitFor();
    await page.getByLabel("Class").selectOption("batch");
    await page.getByText("None of the last requests is like that.").waitFor();
    await page.getByRole("button", { name: "Show all" }).click();
    await page.getByRole("table", { name: "Last requests" }).waitFor();
  });

  it("tells whose a request is while it waits, and no tokens that aren't known", async () => {
    await using seen = await look("about:blank");
    const { page } = seen;
    await page.route("**/admin/requests?*", async (route) => {
      const response = await route.fetch();
      const list = (await response.json()) as { data: object[] };
      const tokens = { prompt_tokens: 0, cached_tokens: 0, completion_tokens: 0 };
      const waits = { state: "waiting", key: { id: "key_1", name: "laptop" }, ...tokens };
      await route.fulfill({ json: { ...list, data: [{ ...list.data[0], id: "req_waits", ...waits }] } });
    });
    await page.goto(url("/requests"));
    const row = page.getByRole("table", { name: "Last requests" }).getByRole("row").nth(1);
    await row.getByText("laptop").waitFor();
    await expect
      .poll(async () => (await row.getByRole("cell").allTextContents()).slice(3, 6))
      .toEqual(["laptop", "–", "–"]);
    await page.locator(".requests-filters").getByLabel("Key").selectOption("laptop");
  });

  it.each([
    ["light", "light", 1280],
    ["dark", "dark", 1700],
    ["narrow", "light", 360],
  ] as const)("hinders nobody: %s", async (_, colorScheme, width) => {
    await using seen = await look(url(`/requests?request=${differing}`), {
      colorScheme,
      viewport: { width, height: 900 },
    });
    const { page, faults } = seen;
    await page.getByText("A time of day in line 2 of the system text").waitFor();
    await expectAccessible(page);
    await expectNoSidewaysScroll(page);
    expect(faults).toEqual([]);
  });
});

describe("the page What if", () => {
  it("says what it waits for, asks nothing in vain, and begins by itself", async () => {
    await using seen = await look("about:blank");
    const { page, faults } = seen;
    await page.route("**/admin/requests?*", (route) => route.fulfill({ json: { object: "list", data: [] } }));
    await page.goto(url("/what-if"));
    await page.getByText("the busiest model of this machine has answered 0 requests").waitFor();
    expect(await page.getByRole("slider").count()).toBe(0);
    await page.unroute("**/admin/requests?*");
    await page.getByText("The simulation explains what was seen").waitFor();
    expect(faults).toEqual([]);
  });

  it("shows what a moved slider would have changed", async () => {
    await using seen = await look(url("/what-if"));
    const { page, faults } = seen;
    await page.getByText("The simulation explains what was seen").waitFor();
    const result = page.getByRole("region", { name: "Time to the first token" });
    const before = await result.textContent();
    const engines = page.getByRole("slider", { name: "Engines" });
    await engines.focus();
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => engines.getAttribute("aria-valuetext")).toBe("2");
    await page.getByRole("slider", { name: "Spill to another server after" }).focus();
    await page.keyboard.press("ArrowRight");
    await page.getByLabel("Prompt, $ a million").waitFor();
    await expect.poll(() => result.textContent()).not.toBe(before);
    await page.getByRole("button", { name: "As today" }).click();
    await expect.poll(() => engines.getAttribute("aria-valuetext")).toBe("1");
    expect(faults).toEqual([]);
  });

  it.each([
    ["light", "light", 1280],
    ["narrow", "dark", 360],
  ] as const)("hinders nobody: %s", async (_, colorScheme, width) => {
    await using seen = await look(url("/what-if"), { colorScheme, viewport: { width, height: 900 } });
    const { page, faults } = seen;
    await page.getByText("The simulation explains what was seen").waitFor();
    await expectAccessible(page);
    await expectNoSidewaysScroll(page);
    expect(faults).toEqual([]);
  });
});
