import { describe, expect, inject, it } from "vitest";
import { browserOfTests, expectAccessible, expectNoSidewaysScroll } from "../fixtures/browser.ts";

const look = browserOfTests();
const url = () => `${inject("gatewayUrl")}/models`;
const MODEL = "smollm2-135m-instruct";

describe("the page Models", () => {
  it("shows what is served, and its template with an example", async () => {
    await using seen = await look(url());
    const { page, faults } = seen;
    const served = page.getByRole("table", { name: "Served" });
    await served.getByRole("button", { name: MODEL, exact: true }).click();
    const details = page.getByRole("dialog", { name: MODEL });
    await details.getByText("llama.context_length").waitFor();
    await details.getByRole("button", { name: "Show it with an example" }).click();
    await details.getByText(/<\|im_start\|>user\s+Why is the sky blue\?<\|im_end\|>/).waitFor();
    await expectAccessible(page);
    await page.keyboard.press("Escape");
    await details.waitFor({ state: "hidden" });
    expect(faults).toEqual([]);
  });

  it("pins a model, and no longer", async () => {
    await using seen = await look(url());
    const { page } = seen;
    const row = page.getByRole("table", { name: "Served" }).getByRole("row", { name: MODEL });
    await row.getByRole("button", { name: `Pin ${MODEL}` }).click();
    await row.getByText("pinned").waitFor();
    await row.getByRole("button", { name: `Unpin ${MODEL}` }).click();
    await row.getByText("pinned").waitFor({ state: "detached" });
  });

  it("says why a model can't be pulled", async () => {
    await using seen = await look(url());
    const { page } = seen;
    await page.getByLabel("Model to pull").fill("nobody-has-this");
    await page.keyboard.press("Enter");
    await page.getByText(/There is no model 'nobody-has-this'/).waitFor();
  });

  it("shows how far a download is, and can stop it", async () => {
    await using seen = await look("about:blank");
    const { page } = seen;
    // A download takes longer than a test may.
    await page.addInitScript(`
      const real = window.fetch;
      window.fetch = (path, init) => path !== "/api/pull" ? real(path, init) : Promise.resolve(new Response(new ReadableStream({
        start(controller) {
          const write = (line) => controller.enqueue(new TextEncoder().encode(JSON.stringify(line) + "\\n"));
          write({ status: "pulling manifest" });
          write({ status: "pulling x", digest: "x", total: 200, completed: 74 });
          init.signal.addEventListener("abort", () => controller.error(new DOMException("left", "AbortError")));
        },
      })));
    `);
    await page.goto(url());
    const catalogue = page.getByRole("table", { name: "In the catalogue" });
    const pull = catalogue.getByRole("button", { name: /^Pull / }).first();
    await pull.click();
    await catalogue.getByText("downloading 37 %").waitFor();
    await catalogue.getByRole("button", { name: /^Stop pulling / }).click();
    await catalogue.getByText("downloading").waitFor({ state: "detached" });
  });

  it.each([
    ["light", 1280],
    ["dark", 1280],
    ["light", 360],
  ] as const)("hinders nobody: %s, %d px", async (colorScheme, width) => {
    await using seen = await look(url(), { colorScheme, viewport: { width, height: 900 } });
    const { page, faults } = seen;
    await page.getByRole("table", { name: "Served" }).waitFor();
    await expectAccessible(page);
    await expectNoSidewaysScroll(page);
    expect(faults).toEqual([]);
  });
});
