import { describe, expect, it } from "vitest";
import type { GenerationRequest, OutputFormat } from "../../src/generation/request.ts";
import { UnsupportedSchemaError } from "../../src/grammar/errors.ts";
import { holdToFormat } from "../../src/grammar/layer.ts";
import { createCompiledFormats } from "../../src/grammar/output.ts";
import { collect, generationRequest } from "../fixtures/generation.ts";
import { interpret } from "./gbnf.ts";

async function passedOn(output: OutputFormat | undefined): Promise<GenerationRequest> {
  const seen: GenerationRequest[] = [];
  const request = generationRequest(output === undefined ? {} : { output });
  await collect(
    holdToFormat()(request, async function* (passed) {
      seen.push(passed);
      yield { type: "started", promptTokens: 1, cachedTokens: 0 };
    }),
  );
  return seen[0] ?? request;
}

describe("a request's format", () => {
  it.each<[OutputFormat, string, string]>([
    [{ type: "json" }, '{"a":[1]}', "[1]"],
    [{ type: "schema", schema: { type: "integer" } }, "12", '"12"'],
    [{ type: "regex", pattern: "a+" }, "aa", "ab"],
  ])("becomes a grammar: %j", async (format, right, wrong) => {
    const { output } = await passedOn(format);
    const gbnf = output?.type === "grammar" ? output.grammar.gbnf : "";
    expect(interpret(gbnf).accepts(right)).toBe(true);
    expect(interpret(gbnf).accepts(wrong)).toBe(false);
  });

  it("stays unchanged when it is a grammar, or any text", async () => {
    const grammar: OutputFormat = { type: "grammar", grammar: { gbnf: 'root ::= "a"', triggers: ["<"] } };
    expect((await passedOn(grammar)).output).toBe(grammar);
    expect((await passedOn(undefined)).output).toBeUndefined();
  });

  it("is refused before anything is generated", async () => {
    await expect(passedOn({ type: "schema", schema: { not: {} } })).rejects.toBeInstanceOf(UnsupportedSchemaError);
  });
});

describe("compiled formats", () => {
  const constant = (value: string): OutputFormat & { type: "schema" } => ({ type: "schema", schema: { const: value } });

  it("are the same whether kept or not", () => {
    const formats = createCompiledFormats();
    const first = formats.compile(constant("a"), "x");
    for (let index = 0; index < 200; index += 1) {
      formats.compile(constant(`${index}`), "x");
    }
    expect(formats.compile(constant("a"), "x")).toBe(first);
    expect(formats.compile(constant("a"), "x")).toBe(first);
  });
});
