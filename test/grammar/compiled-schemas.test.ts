import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { OverloadedError } from "../../src/generation/errors.ts";
import type { JsonSchema } from "../../src/generation/request.ts";
import { createApartCompiler } from "../../src/grammar/compile-apart.ts";
import { createCompiledSchemas } from "../../src/grammar/compiled-schemas.ts";
import { createCompiledTexts } from "../../src/grammar/compiled-texts.ts";
import { UnsupportedSchemaError } from "../../src/grammar/errors.ts";
import { createBudget, ExhaustedError } from "../../src/grammar/limits.ts";
import { compileQuickly, compileSchema } from "../../src/grammar/schema/compile.ts";
import { prepareFormats } from "../../src/http/prepare-formats.ts";
import { ExactNumber } from "../../src/json/exact-number.ts";

/** Takes long: counts of counts, and a large number that must stay as it is. */
const LONG = {
  type: "object",
  properties: {
    ...Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [
        `p${index}`,
        { type: "integer", minimum: -index, maximum: 65_535 + index },
      ]),
    ),
    id: { const: new ExactNumber("123456789012345678901") },
  },
};
const GRAMMAR = 'root ::= "a"';
const IMPOSSIBLE = { allOf: [LONG, { type: "integer", minimum: 3, maximum: 2 }] };

describe("a schema that takes long", () => {
  it("is compiled in another thread with the same result, while the event loop runs on", async () => {
    expect(compileQuickly(LONG)).toBeUndefined();
    const schemas = createCompiledSchemas();
    const prepared = schemas.prepare(LONG).then(() => "compiled");
    expect(await Promise.race([prepared, setImmediate("others")])).toBe("others");
    await Promise.all([prepared, schemas.prepare(LONG)]);
    const compiled = schemas.compile(LONG);
    expect(compiled).toEqual(compileSchema(LONG));
    expect([...compiled.rules.values()].join()).toContain("123456789012345678901");
  }, 60_000);

  it("is refused with the same error as in this thread", async () => {
    const schemas = createCompiledSchemas();
    await schemas.prepare(IMPOSSIBLE);
    for (const compile of [() => schemas.compile(IMPOSSIBLE), () => compileSchema(IMPOSSIBLE)]) {
      expect(compile).toThrow(UnsupportedSchemaError);
      expect(compile).toThrow("no value can be finished");
    }
  }, 60_000);

  it("is dropped as a whole when its time is up, and the next one is compiled", async () => {
    const schemas = createCompiledSchemas(createApartCompiler(1));
    await schemas.prepare(LONG);
    expect(schemas.compile(LONG).dropped).toMatchObject([{ path: "$", keyword: "schema" }]);
    const patient = createApartCompiler();
    const told = await Promise.all([
      ...['{"type":"null"}', '{"type":"boolean"}'].map((text) => patient.compile({ kind: "schema", text })),
    ]);
    expect(told).toMatchObject([{ compiled: { dropped: [] } }, { compiled: { dropped: [] } }]);
  }, 60_000);
});

describe("the budget of a grammar", () => {
  it("is also bounded by time, which is checked at intervals", () => {
    const late = createBudget({ steps: 1_000_000, ms: -1 });
    const patient = createBudget({ steps: 1_000_000 });
    for (const budget of [late, patient]) budget.spend(1_000, "$", "schema");
    expect(() => late.part().spend(10_000, "$", "schema")).toThrow(ExhaustedError);
    expect(() => late.spend(1, "$", "schema")).toThrow(ExhaustedError);
    expect(() => patient.part().spend(10_000, "$", "schema")).not.toThrow();
  });
});

describe("tenants that have schemas compiled", () => {
  const job = (index: number) => ({ kind: "schema", text: `{"const":${index}}` }) as const;

  it("take turns, and one with too many jobs doesn't block the others", async () => {
    const apart = createApartCompiler();
    const order: string[] = [];
    const ask = (tenant: string, index: number) =>
      apart.compile(job(index), { tenant }).then(() => void order.push(tenant));
    const many = Array.from({ length: 32 }, (_, index) => ask("many", index));
    await expect(ask("many", 32)).rejects.toThrow(OverloadedError);
    await Promise.all([...many, ask("one", 1), ask("two", 2)]);
    expect(order.slice(0, 4)).toEqual(["many", "one", "two", "many"]);
  }, 60_000);

  it("start no work for a client that has left, and still serve others that need the same schema", async () => {
    const apart = createApartCompiler();
    const schemas = createCompiledSchemas(apart);
    const leave = new AbortController();
    const before = apart.compile(job(0));
    const left = schemas.prepare(LONG, { tenant: "left", signal: leave.signal });
    const stays = schemas.prepare(LONG, { tenant: "stays" });
    leave.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    await Promise.all([before, stays]);
    expect(schemas.compile(LONG).dropped).toEqual([]);
  }, 60_000);
});

describe("schemas that arrive while too many wait", () => {
  it("are refused with a retry, and compiled when the client comes back", async () => {
    const apart = createApartCompiler();
    const [schemas, texts] = [createCompiledSchemas(apart), createCompiledTexts(apart)];
    const others = Array.from({ length: 32 }, (_, index) =>
      apart.compile({ kind: "schema", text: `{"const":${index}}` }),
    );
    await expect(schemas.prepare(LONG)).rejects.toThrow(OverloadedError);
    await expect(texts.prepare("gbnf", GRAMMAR)).rejects.toThrow(OverloadedError);
    expect(await Promise.all(others)).toHaveLength(32);
    await Promise.all([schemas.prepare(LONG), texts.prepare("gbnf", GRAMMAR)]);
    expect(schemas.compile(LONG).dropped).toEqual([]);
    expect(texts.compile("gbnf", GRAMMAR, "grammar")).toContain("root");
  }, 60_000);
});

describe("the schemas of a request", () => {
  it("are compiled once, and the outcome is cached, even a timeout", async () => {
    const asked: string[] = [];
    const schemas = createCompiledSchemas({
      compile: async ({ text }) => {
        asked.push(text);
        return undefined;
      },
    });
    const schema = (index: number): JsonSchema => ({ ...LONG, title: `schema ${index}` });
    for (const index of [0, 1]) await schemas.prepare(schema(index));
    await schemas.prepare(schema(0));
    expect(asked).toHaveLength(2);
  });

  it("may be any JSON", async () => {
    for (const body of [
      null,
      7,
      [],
      { tools: 1 },
      { tools: [null, { function: { parameters: [] } }] },
      { format: "json" },
    ]) {
      await expect(prepareFormats(body)).resolves.toBeUndefined();
    }
  });
});
