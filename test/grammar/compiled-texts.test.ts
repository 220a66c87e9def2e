import { setImmediate } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { apartCompiler } from "../../src/grammar/compile-apart.ts";
import type { TextKind } from "../../src/grammar/compile-text.ts";
import type { CompileJob } from "../../src/grammar/compile-worker.ts";
import { createCompiledTexts } from "../../src/grammar/compiled-texts.ts";
import { prepareFormats } from "../../src/http/prepare-formats.ts";
import { customTool } from "../../src/protocols/tools/custom.ts";

/** Texts that take long, of each kind; the last can't be had at all. */
const LONG: readonly (readonly [TextKind, string])[] = [
  ["regex", "(\\p{L}|\\p{N}){1,50}"],
  ["gbnf", `root ::= ${'("a" | "a")? '.repeat(30)}`],
  ["lark", `start: ${"word ".repeat(20)}\nword: /[a-z]+/`],
  ["lark in JSON", `start: ${"word ".repeat(20)}\nword: /[a-z]+/`],
  ["regex", ".*a.{12}"],
];

function outcome(compile: () => string): string {
  try {
    return compile();
  } catch (error) {
    return String(error);
  }
}

describe("a pattern or a grammar that a client wrote", () => {
  it.each(LONG)(
    "is compiled in another thread when it is slow, with the same result: %s",
    async (kind, source) => {
      const apart = createCompiledTexts();
      const prepared = apart.prepare(kind, source).then(() => "compiled");
      expect(await Promise.race([prepared, setImmediate("others")])).toBe("others");
      await prepared;
      const here = createCompiledTexts();
      expect(outcome(() => apart.compile(kind, source, "grammar"))).toBe(
        outcome(() => here.compile(kind, source, "grammar")),
      );
    },
    60_000,
  );

  it("is compiled once, whatever becomes of it, and refused by the path of each request", async () => {
    const asked: string[] = [];
    const texts = createCompiledTexts({
      compile: async ({ text }) => {
        asked.push(text);
        return undefined;
      },
    });
    for (let time = 0; time < 2; time += 1) await texts.prepare("gbnf", 'root ::= "a"');
    expect(asked).toEqual(['root ::= "a"']);
    for (const path of ["grammar", "structured_outputs.grammar"]) {
      expect(() => texts.compile("gbnf", 'root ::= "a"', path)).toThrow(
        `in '${path}' can't be honoured: it takes too long`,
      );
    }
  });

  it.each(["chat", "responses"])("is found in a custom tool too, as it is asked for later: %s", async (route) => {
    const asked: CompileJob[] = [];
    const compile = vi.spyOn(apartCompiler, "compile");
    compile.mockImplementation(async (job) => {
      asked.push(job);
      return undefined;
    });
    try {
      const lark = { syntax: "lark", definition: `start: /${route} [a-z]+/` };
      const regex = { syntax: "regex", definition: `${route} (\\p{L}|\\p{N}){1,40}` };
      const tools = [lark, regex].map((grammar, index) =>
        route === "chat"
          ? { type: "custom", custom: { name: `t${index}`, format: { type: "grammar", grammar } } }
          : { type: "custom", name: `t${index}`, format: { type: "grammar", ...grammar } },
      );
      await prepareFormats({ tools });
      const { tool } = customTool(
        "t1",
        "",
        { type: "grammar", syntax: "regex", definition: regex.definition },
        {
          characters: 1_000,
        },
      );
      expect(asked.toSorted((a, b) => (a.kind < b.kind ? -1 : 1))).toEqual([
        { kind: "lark in JSON", text: lark.definition },
        { kind: "schema", text: JSON.stringify(tool.parameters) },
      ]);
    } finally {
      compile.mockRestore();
    }
  });

  it("is found wherever a request may have one, and may be anything", async () => {
    for (const text of ["", "(", "start: /a/", 'root ::= "a"', '{"type":"string"}', "{"]) {
      const body = {
        ...{ guided_regex: text, guided_grammar: text, grammar: text, ebnf: text, guided_json: text, format: text },
        structured_outputs: { regex: text, grammar: text, json: text },
        tools: [{ type: "custom", custom: { format: { grammar: { definition: text } } } }],
      };
      await expect(prepareFormats(body)).resolves.toBeUndefined();
    }
  }, 60_000);
});
