import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createGrammarBuilder } from "../../src/grammar/builder.ts";
import { anyCase } from "../grammar/cases.ts";
import { interpret } from "../grammar/gbnf.ts";
import type { GrammarCheck, GrammarVerdict } from "./fixtures/grammars.ts";

const HARD: readonly Record<string, unknown>[] = [
  { enum: Array.from({ length: 3_000 }, (_, index) => `value ${index}`) },
  { type: "string", maxLength: 60_000 },
  { type: "array", items: { type: "string", pattern: "^(a*)*b$" }, maxItems: 10_000 },
  {
    type: "object",
    properties: Object.fromEntries(Array.from({ length: 250 }, (_, index) => [`p${index}`, { type: "integer" }])),
  },
  { type: "string", format: "uri" },
  { $ref: "#/$defs/a", $defs: { a: { type: "array", items: { $ref: "#/$defs/a" } } } },
];

async function judge(checks: readonly GrammarCheck[]): Promise<readonly GrammarVerdict[]> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-grammars-"));
  try {
    const file = join(folder, "checks.json");
    await writeFile(file, JSON.stringify(checks));
    const child = fork(new URL("fixtures/grammars.ts", import.meta.url), [file], { execArgv: [] });
    const exited = once(child, "exit");
    return await Promise.race([
      once(child, "message").then(([verdicts]) => verdicts as GrammarVerdict[]),
      exited.then(([code]) => Promise.reject(new Error(`the binding could not be asked: exit code ${code}`))),
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("llama.cpp accepts every generated grammar, and allows its texts but none that is cut short", async () => {
  const schemas = [...HARD, ...fc.sample(anyCase, { numRuns: 200, seed: 5 }).map(({ schema }) => schema)];
  const checks = schemas.map((schema): GrammarCheck => {
    const builder = createGrammarBuilder();
    const gbnf = builder.toGbnf(builder.schema(schema, "schema"));
    const text = interpret(gbnf).write(3);
    return { gbnf, texts: [text, `${text}x`] };
  });
  const verdicts = await judge(checks);
  const wrong = verdicts.flatMap((verdict, index) =>
    verdict?.[0] === true && verdict[1] === false
      ? []
      : [JSON.stringify([schemas[index], checks[index]?.texts, verdict])],
  );
  expect(wrong).toEqual([]);
});
