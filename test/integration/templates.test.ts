import { beforeAll, describe, expect, test } from "vitest";
import { loadCatalogue } from "../../src/models/index.ts";
import { dialectOf } from "../../src/tools/dialect.ts";
import { conversations, easierConversations } from "./templates/conversations.ts";
import { type Expected, readExpected } from "./templates/expected.ts";
import { render, toJob } from "./templates/rendered.ts";
import type { Rendered } from "./templates/renderer.ts";
import { CATALOGUE, FAMILIES, readTemplate, type TemplateSource } from "./templates/sources.ts";

/** The known differences. Everything else is the same to the byte. */
const DIFFERENT = [
  {
    template: "google-gemma-4-31B-it",
    name: "an argument that is null",
    // For a null that stands alone, llama.cpp's template engine writes nothing, and Python's writes None.
    reference: "call:locate{id:None}",
    ours: "call:locate{id:}",
  },
];

type Case = {
  readonly template: string;
  readonly source: TemplateSource;
  readonly expected: Expected;
  readonly rendered: ReadonlyMap<string, Rendered>;
  /** Renderings of conversations that the template refuses, after conversion to a form that it accepts. */
  readonly easier: ReadonlyMap<string, Rendered>;
};

const cases = new Map<string, Case>();
/** The days on which the texts may have been rendered: one, or two around midnight. */
let days: readonly Date[];

beforeAll(async () => {
  const loaded = await Promise.all(
    FAMILIES.map(async (family) => {
      const { template } = family;
      const source = await readTemplate(template);
      const named = [...conversations(family)];
      const easier = [...easierConversations(family)];
      const jobs = await Promise.all([...named, ...easier].map(([, body]) => toJob(body, source.text, family)));
      const names = named.map(([name]) => name);
      const easierNames = easier.map(([name]) => name);
      return { template, source, expected: await readExpected(template), names, easierNames, jobs };
    }),
  );
  const before = new Date();
  const texts = [...(await render(loaded.flatMap(({ jobs }) => jobs)))];
  days = [before, new Date()];
  const take = (names: readonly string[]) =>
    new Map(names.map((name) => [name, texts.shift() ?? { error: "not rendered" }]));
  for (const { names, easierNames, ...family } of loaded) {
    cases.set(family.template, { ...family, rendered: take(names), easier: take(easierNames) });
  }
});

describe.each(FAMILIES)("the template of $template", (family) => {
  test("is the one that was recorded", () => {
    const { source, expected } = caseOf(family.template);
    expect(
      source.sha256,
      "llama.cpp's release brings another template: run scripts/record-templates.ts and read what changes",
    ).toBe(expected.sha256);
  });

  test.each([...conversations(family).keys()])("renders as its reference: %s", (name) => {
    const { expected, rendered, easier } = caseOf(family.template);
    const wanted = expected.renderings[name]?.result;
    const got = rendered.get(name);
    if (wanted === undefined || "error" in wanted) {
      expect(raised(wanted?.error ?? "never recorded")).toMatch(/alternate|system/i);
      expect(got).toEqual({ text: expect.any(String) });
      expect(got).toEqual(easier.get(name));
    } else {
      const different = DIFFERENT.find((one) => one.template === family.template && one.name === name);
      const text = different ? wanted.text.replace(different.reference, different.ours) : wanted.text;
      const wantedTexts = days.map((day) => onDay(text, expected.day, day));
      const isLater = got !== undefined && "text" in got && got.text === wantedTexts[1];
      expect(got).toEqual({ text: wantedTexts[isLater ? 1 : 0] });
    }
  });

  test("begins the answer inside the reasoning only if its dialect says so", () => {
    const { source, rendered } = caseOf(family.template);
    const { marks, opensReasoning } = dialectOf(source.text);
    const wrong = [...conversations(family)].filter(([name, { reasoning_effort: effort, continue_final_message }]) => {
      const got = rendered.get(name);
      if (got === undefined || "error" in got || continue_final_message) return false;
      const isOpen = marks !== undefined && got.text.trimEnd().endsWith(marks.open);
      return isOpen !== opensReasoning(effort === undefined ? undefined : effort !== "none");
    });
    expect(wrong.map(([name]) => name)).toEqual([]);
  });
});

test("every chat model of the catalogue has its template here, or a reason why not", async () => {
  const { models } = await loadCatalogue();
  const talked = models.filter(({ purpose }) => purpose !== "embedding").map(({ name }) => name);
  expect(Object.keys(CATALOGUE)).toEqual(talked);
  const tested = FAMILIES.map(({ template }) => template);
  for (const entry of Object.values(CATALOGUE)) if ("template" in entry) expect(tested).toContain(entry.template);
});

function caseOf(template: string): Case {
  const found = cases.get(template);
  if (found === undefined) throw new Error(`no family ${template}`);
  return found;
}

/** The error that a template raised, without the name of Python's exception. */
function raised(error: string): string {
  return error.replace(/^\w+: /, "");
}

/** Templates that contain the date ask the clock for it in one of these forms. */
function onDay(text: string, recorded: string, day: Date): string {
  const then = new Date(`${recorded}T12:00:00`);
  return text.replaceAll(iso(then), iso(day)).replaceAll(inWords(then), inWords(day));
}

function iso(day: Date): string {
  return [day.getFullYear(), pad(day.getMonth() + 1), pad(day.getDate())].join("-");
}

function inWords(day: Date): string {
  return `${pad(day.getDate())} ${day.toLocaleString("en-GB", { month: "short" }).slice(0, 3)} ${day.getFullYear()}`;
}

function pad(number: number): string {
  return String(number).padStart(2, "0");
}
