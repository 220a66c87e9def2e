import { describe, expect, test } from "vitest";
import { showSteps } from "../../../src/cli/compare/show-steps.ts";
import { drawReport } from "../../../src/cli/compare/svg.ts";
import { formatReport } from "../../../src/cli/compare/table.ts";
import { fakeOutput } from "../fake-context.ts";
import { modelOf, reportOf } from "./support.ts";

const MIB = 2 ** 20;
const models = [
  modelOf("Q8_0", { speed: 10, sizeBytes: 800 * MIB, divergence: 0 }),
  modelOf("Q2_K", { speed: 25, sizeBytes: 300 * MIB, rise: { value: 0.4, low: 0.35, high: 0.45 }, divergence: 0.4 }),
];

describe("The table of a comparison", () => {
  test("shows sizes, rates and qualities, and ends with the verdict", () => {
    const text = formatReport(reportOf(models, { verdict: { take: "Q8_0", sentence: "take Q8_0: so it is." } }));
    expect(text).toMatch(/^Q8_0 +800 MiB/m);
    expect(text).toMatch(/^Q2_K +250 +25\.0$/m);
    expect(text).toMatch(/^Q2_K +10\.00 +40\.0 % \[35\.0, 45\.0\] +1\.400 +0\.4000 +60\.0 %$/m);
    expect(text).toMatch(/^Q8_0 +10\.00 +the best +1\.000 +0 +100\.0 %$/m);
    expect(text.endsWith("\n\nTake Q8_0: so it is.\n")).toBe(true);
    expect(text).not.toContain("NOT QUIET");
    expect(text).not.toContain("J/1000");
  });

  test("lets the name of a file act on no terminal, nor what is shown meanwhile", () => {
    const evil = "a\u001b]0;owned\u0007b";
    const [first] = models;
    if (first === undefined) throw new Error("There are two.");
    const model = { ...first, id: evil, notes: ["It has no KL."] };
    const text = formatReport(reportOf([model], { verdict: { take: evil, sentence: `take ${evil}: so it is.` } }));
    expect(text).toContain("a\\x1b]0;owned\\x07b");
    expect(text).not.toContain("\u001b");
    const output = fakeOutput({ isTTY: true, columns: 80 });
    const steps = showSteps(output);
    steps.begin(`${evil}: how fast it is`);
    steps.note(evil);
    expect(output.text().replaceAll("\r\u001b[2K", "")).not.toContain("\u001b");
  });

  test("marks what was measured beside other programs, and names a gateway that runs", () => {
    const disturbance = { busyShare: 0.53, loadAverage: 2.25, gateway: "http://127.0.0.1:8080" };
    const text = formatReport(reportOf(models, { disturbance, isQuiet: false }));
    expect(text).toContain(
      "NOT QUIET: other programs took 53 % of the processor, load 2.3. A gateway runs at http://127.0.0.1:8080. The rates are too low.",
    );
  });

  test("has columns for energy, presets and notes where there are any", () => {
    const [first, second] = models;
    if (first === undefined || second === undefined) throw new Error("There are two.");
    const presets = { passed: 3, cases: 4, share: 0.75, low: 0.3, high: 0.95 };
    const text = formatReport(
      reportOf([
        { ...first, joules: 812, presets },
        { ...second, notes: ["It has no KL."] },
      ]),
    );
    expect(text).toMatch(/J\/1000 TOKENS$/m);
    expect(text).toMatch(/ 812$/m);
    expect(text).toMatch(/^Q8_0 +75 % \[30, 95\] +3 of 4$/m);
    expect(text).toContain("Q2_K: It has no KL.\n");
  });
});

describe("The table in a narrow terminal", () => {
  const long = reportOf(
    models.map((model) => ({ ...model, id: `a-model-with-a-name-${model.id}`, notes: ["It has no KL. ".repeat(9)] })),
    { reference: "a-model-with-a-name-Q8_0", verdict: { take: null, sentence: "The text is too short. ".repeat(5) } },
  );

  test.each([20, 40, 80])("has no line of more than %i columns, and all figures", (columns) => {
    const text = formatReport(long, columns);
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(columns);
    const words = (of: string) => new Set(of.replace(/\s+/g, " ").split(" "));
    expect(words(text)).toContain("1.400");
  });

  test("is as wide as it needs where nothing tells the width", () => {
    expect(formatReport(long).split("\n")[0]?.startsWith("MODEL  ")).toBe(true);
  });
});

describe("The picture of a comparison", () => {
  /** The attributes of all elements with this class. */
  const find = (svg: string, className: string) =>
    [...svg.matchAll(new RegExp(`<\\w+ class="${className}"[^>]*>`, "g"))].map(([element]) =>
      Object.fromEntries([...element.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, value])),
    );

  test("has a spot and a name for each model, and rings the one to take", () => {
    const svg = drawReport(reportOf(models, { verdict: { take: "Q2_K", sentence: "take Q2_K" } }));
    const [reference, fast, ...more] = find(svg, "best");
    expect(more).toEqual([]);
    expect(find(svg, "front")).toHaveLength(1);
    // The faster one is further to the right, the worse one further down.
    expect(Number(fast?.cx)).toBeGreaterThan(Number(reference?.cx));
    expect(Number(fast?.cy)).toBeGreaterThan(Number(reference?.cy));
    expect(find(svg, "taken")).toMatchObject([{ cx: fast?.cx, cy: fast?.cy }]);
    expect(svg).toContain(">Q8_0</text>");
  });

  test("has an axis that fits the rates, however low", () => {
    const slow = [0.5, 0.42].map((speed) => modelOf(String(speed), { speed, sizeBytes: 1, divergence: speed }));
    const svg = drawReport(reportOf(slow));
    expect(Math.max(...find(svg, "best").map(({ cx }) => Number(cx)))).toBeGreaterThan(560);
    const none = drawReport(reportOf([modelOf("none", { speed: 0, sizeBytes: 1, divergence: 0 })]));
    expect(none).not.toMatch(/NaN|Infinity/);
  });

  test("shows names as they are, whatever is in them", () => {
    const name = '<b onclick="x">&\u0007';
    const svg = drawReport(reportOf([modelOf(name, { speed: 1, sizeBytes: 1, divergence: 0 })]));
    expect(svg).not.toMatch(/<b|&(?!#)/);
    expect(svg).not.toContain("\u0007");
    expect(svg).toContain("&#60;b onclick=&#34;x&#34;&#62;&#38;");
  });

  test("keeps the names of models that are alike apart", () => {
    const alike = ["one", "two", "three"].map((id) => modelOf(id, { speed: 10, sizeBytes: 1, divergence: 0.1 }));
    const svg = drawReport(reportOf(alike));
    const heights = [...svg.matchAll(/ y="([\d.]+)">(?:one|two|three)<\/text>/g)].map(([, y]) => Number(y));
    const sorted = heights.toSorted((a, b) => a - b);
    expect(sorted).toHaveLength(3);
    expect((sorted[1] ?? 0) - (sorted[0] ?? 0)).toBeGreaterThanOrEqual(12);
    expect((sorted[2] ?? 0) - (sorted[1] ?? 0)).toBeGreaterThanOrEqual(12);
  });
});
