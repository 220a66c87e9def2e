import { describe, expect, inject, it } from "vitest";
import { browserOfTests, expectAccessible, expectNoSidewaysScroll } from "../fixtures/browser.ts";

const look = browserOfTests();
const url = () => `${inject("gatewayUrl")}/models`;
const MODEL = "smollm2-135m-instruct";

const exactly = (value: number) => ({ value, low: value, high: value });
const compared = (id: string, gib: number, decode: number, more: object) => ({
  ...{ id, quantization: null, size_bytes: gib * 2 ** 30, bits_per_weight: 5, memory_bytes: 1.1 * gib * 2 ** 30 },
  ...{ load_ms: 400, rates: [{ context: 512, prefill: exactly(10 * decode), decode: exactly(decode) }], joules: null },
  ...{
    perplexity: exactly(10),
    bits_per_byte: exactly(1),
    divergence: null,
    agreement: null,
    presets: null,
    notes: [],
  },
  ...more,
});
const COMPARISON = {
  object: "list",
  data: [
    {
      ...{ object: "comparison", created_at: 1_795_336_200, quiet: false, reference: "a-model-Q8_0" },
      machine: { processor: "A processor", cores: 8, backend: "cpu", threads: 8, release: "v0.5.0" },
      text: { name: "a text", scored: 2040 },
      verdict: {
        take: "a-model-Q4_K_M",
        sentence: "take a-model-Q4_K_M: KL 0.012 of a-model-Q8_0, 1.7 × as fast, 2.1 GiB less.",
      },
      models: [
        compared("a-model-Q8_0", 8, 10, { rise: exactly(0), divergence: exactly(0), agreement: exactly(1) }),
        compared("a-model-Q4_K_M", 5.9, 17, {
          rise: { value: 0.004, low: 0.002, high: 0.006 },
          divergence: { value: 0.012, low: 0.011, high: 0.013 },
          agreement: { value: 0.94, low: 0.93, high: 0.95 },
        }),
        compared("another-model", 1, 60, { rise: { value: 0.4, low: 0.35, high: 0.45 } }),
      ],
    },
  ],
};

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
    ["dark", 360],
  ] as const)("shows what was compared last, and which model to take: %s, %d px", async (colorScheme, width) => {
    await using seen = await look("about:blank", { colorScheme, viewport: { width, height: 900 } });
    const { page, faults } = seen;
    await page.route("**/admin/comparison", (route) => route.fulfill({ json: COMPARISON }));
    await page.goto(url());
    await page.getByText("Take a-model-Q4_K_M: KL 0.012 of a-model-Q8_0, 1.7 × as fast, 2.1 GiB less.").waitFor();
    const table = page.getByRole("table", { name: "Compared" });
    await table.getByRole("row", { name: /^a-model-Q4_K_M to take .* 17\.0 ?1\.7 × / }).waitFor();
    await table.getByRole("row", { name: /^another-model .*GiB/ }).waitFor();
    await page.getByText("Other programs ran beside it, so its rates are too low.").waitFor();
    await table.scrollIntoViewIfNeeded();
    await expectAccessible(page);
    await expectNoSidewaysScroll(page);
    expect(faults).toEqual([]);
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
