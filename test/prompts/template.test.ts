import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseTemplate, renderTemplate } from "../../src/prompts/template.ts";

function render(text: string, values: Record<string, string>): string {
  return renderTemplate(parseTemplate(text), new Map(Object.entries(values)));
}

const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,10}$/);
/** Text in which no placeholder can begin or end. */
const plain = fc.string().map((text) => text.replaceAll(/[{}]/g, ""));

describe("a template", () => {
  it("has its placeholders replaced by the values, with or without blanks", () => {
    expect(render("{{a}} and {{ b }}, {{a}}", { a: "1", b: "2" })).toBe("1 and 2, 1");
  });

  it.each(["{}", "{{}}", "{{1}}", "{{a b}}", "{{a", "a}}", "{{#if a}}", "{{\na}}", "{ {a} }"])(
    "treats %j as text",
    (text) => {
      expect(parseTemplate(text).names).toEqual([]);
      expect(render(text, { a: "1" })).toBe(text);
    },
  );

  it("keeps the braces around a placeholder, as in JSON", () => {
    expect(render('{"a":{{{a}}}}', { a: '"b":1' })).toBe('{"a":{"b":1}}');
  });

  it("renders any mix of texts and placeholders, whatever the values are", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(plain, name)), plain, fc.dictionary(name, fc.string()), (pieces, last, given) => {
        const textOf = (key: string) => (Object.hasOwn(given, key) ? (given[key] ?? "") : `{{${key}}}`);
        const values = new Map(pieces.map(([, key]) => [key, textOf(key)]));
        const text = pieces.map(([before, key]) => `${before}{{${key}}}`).join("") + last;
        const template = parseTemplate(text);
        expect(template.names).toEqual([...new Set(pieces.map(([, key]) => key))]);
        expect(renderTemplate(template, values)).toBe(
          pieces.map(([before, key]) => before + textOf(key)).join("") + last,
        );
      }),
    );
  });

  it("leaves text without placeholders unchanged", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!/\{\{[ \t]*[A-Za-z]/.test(text));
        expect(render(text, {})).toBe(text);
      }),
    );
  });

  it("treats braces in values as text", () => {
    expect(render("{{a}}{{b}}", { a: "{{b}}", b: "{{a}}" })).toBe("{{b}}{{a}}");
    expect(render("{{{a}}}", { a: "{b}" })).toBe("{{b}}");
  });
});
