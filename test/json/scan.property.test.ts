import { inspect, isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ExactNumber } from "../../src/json/exact-number.ts";
import { BODY_LIMITS, type JsonLimits, UNBOUNDED } from "../../src/json/limits.ts";
import { readJsonBody, readJsonText, readOwnJson } from "../../src/json/parse.ts";
import { createJsonScan } from "../../src/json/scan.ts";

/** Numbers in all spellings that JSON has. */
const number = fc
  .tuple(
    fc.constantFrom("", "-"),
    fc.oneof(fc.constant("0"), fc.stringMatching(/^[1-9]\d{0,24}$/)),
    fc.option(fc.stringMatching(/^\d{1,20}$/), { nil: undefined }),
    fc.option(fc.tuple(fc.constantFrom("e", "E", "e+", "E-"), fc.stringMatching(/^\d{1,3}$/)), { nil: undefined }),
  )
  .map(
    ([sign, whole, fraction, power]) =>
      sign + whole + (fraction === undefined ? "" : `.${fraction}`) + (power?.join("") ?? ""),
  );
/** A JSON text, and what it is read as. */
type Json = readonly [source: string, value: unknown];

const text = fc
  .oneof(fc.string(), fc.string({ unit: "binary" }), fc.constantFrom('"', "\\", '\\"', "__proto__", "[{", "1.0"))
  .map((value): Json => [JSON.stringify(value), value]);
/**
 * Without backslashes: V8 13.6 takes `"\""` for `"\\"` where an object with that name was parsed before. After `{"a":0,"\\":1}`,
 * `JSON.parse` reads `{"a":0,"\"":1}` as the same.
 */
const name = text.filter(([, value]) => !String(value).includes("\\"));
const space = fc.constantFrom("", " ", "\n\t");

/** Of any value, in any spelling. */
const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 5, depthIdentifier: "json" },
    number.map((source): Json => [source, read(source)]),
    text,
    fc.constantFrom<Json[]>(["true", true], ["false", false], ["null", null]),
    fc
      .tuple(space, fc.array(tie("json"), { maxLength: 4 }))
      .map(
        ([gap, items]): Json => [
          `[${gap}${items.map(([source]) => source).join(`${gap},${gap}`)}${gap}]`,
          items.map(([, value]) => value),
        ],
      ),
    fc
      .tuple(space, fc.uniqueArray(fc.tuple(name, tie("json")), { maxLength: 4, selector: ([[key]]) => key }))
      .map(
        ([gap, members]): Json => [
          `{${gap}${members.map(([[key], [source]]) => `${key}${gap}:${gap}${source}`).join(`,${gap}`)}${gap}}`,
          Object.fromEntries(members.map(([[, key], [, value]]) => [key, value])),
        ],
      ),
  ),
}));

/** A number as it is to be read. V8's own reviver can't be asked: it has no source for some that follow a name with an escape. */
function read(source: string): unknown {
  return String(Number(source)) === source ? Number(source) : new ExactNumber(source);
}

/** Vitest's own comparison looks up an object's `__proto__` where it is a member like others. */
function expectSame(actual: unknown, expected: unknown): void {
  expect(
    isDeepStrictEqual(actual, expected),
    `${inspect(actual, { depth: 9 })} is not ${inspect(expected, { depth: 9 })}`,
  ).toBe(true);
}

function measure(value: unknown): { depth: number; members: number; elements: number; numbers: number } {
  const total = { depth: 0, members: 0, elements: 0, numbers: 0 };
  const look = (part: unknown, depth: number): void => {
    if (typeof part !== "object" || part === null) return;
    total.depth = Math.max(total.depth, depth + 1);
    const isArray = Array.isArray(part);
    for (const item of Object.values(part)) {
      if (!isArray) total.members++;
      else if (typeof item === "number") total.numbers++;
      else total.elements++;
      look(item, depth + 1);
    }
  };
  look(value, 0);
  return total;
}

describe("reading JSON", () => {
  it("keeps the source of every number that JavaScript would write in another way", () => {
    fc.assert(
      fc.property(json, ([source, value]) => {
        expectSame(readJsonText(source, UNBOUNDED), { value });
        expectSame(readOwnJson(source), value);
      }),
      { numRuns: 500 },
    );
  });

  it("writes what it has read, number by number", () => {
    fc.assert(
      fc.property(fc.array(number), (sources) => {
        expect(JSON.stringify(readOwnJson(`{"a":[${sources.join()}]}`))).toBe(`{"a":[${sources.join()}]}`);
      }),
    );
  });

  it("keeps numbers in the fields where they are passed on, inside of objects, and nowhere else", async () => {
    const member = fc.tuple(fc.constantFrom("a", "b"), json);
    await fc.assert(
      fc.asyncProperty(json, json, fc.array(member, { maxLength: 5 }), async (a, b, others) => {
        const members: (readonly [string, Json])[] = [...others, ["a", a], ["b", b]];
        const body = `{${members.map(([key, [source]]) => `"${key}": {"c": ${source}}`).join(" , ")}, "d": [1.0]}`;
        const read = await readJsonBody(
          body,
          UNBOUNDED,
          (field) => field !== "b",
          async () => {},
        );
        expectSame(read, { value: { a: { c: a[1] }, b: { c: JSON.parse(b[0]) }, d: [1] } });
      }),
      { numRuns: 300 },
    );
  });

  it("counts what a text holds, in pieces of any length, and stops at the first excess", () => {
    fc.assert(
      fc.property(json, fc.integer({ min: 1, max: 40 }), ([source], slice) => {
        const held = measure(JSON.parse(`[${source}]`));
        const run = (limits: JsonLimits) => {
          const scan = createJsonScan(`[${source}]`, limits, () => false);
          for (let end = slice; !scan.run(end); end += slice);
          return scan.excess()?.limit;
        };
        expect(run(UNBOUNDED)).toBeUndefined();
        for (const limit of ["depth", "elements", "numbers", "members"] as const) {
          if (held[limit] > 0) expect(run({ ...UNBOUNDED, [limit]: held[limit] - 1 })).toBe(limit);
        }
        expect(run({ ...UNBOUNDED, depth: held.depth })).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['{"a":[[{"b":[0,{"c d":{}}]}]]}', "depth", 6, ["a", 0, 0, "b", 1, "c d"]],
    ['{"\\u0061":{"x":1,"y":2}}', "members", 2, ["a", "y"]],
    ['{"a":{"x":1,"y":2},"b":{"x":1,"y":2,"z":3}}', "names", 2, ["b", "z"]],
    ["[1,2,3]", "elements", 2, [2]],
    ['[["a"],["b"]]', "elements", 3, [1, 0]],
    ["[1.0,1e5]", "exact", 1, [1]],
    ["[1,2345]", "digits", 3, [1]],
  ] as const)("reports the path of an exceeded limit: %s", (source, limit, most, path) => {
    expect(readJsonText(source, { ...BODY_LIMITS, [limit]: most })).toMatchObject({
      excess: { path },
    });
  });

  it("reads invalid JSON to its end, and leaves the error to the parser", () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('"', "\\", "{", "}", "[", "]", ",", ":", "1", "-", ".", "e", "t", " ", "é"),
        }),
        (source) => {
          const scan = createJsonScan(source, UNBOUNDED);
          while (!scan.run(source.length));
          expect(scan.excess()).toBeUndefined();
        },
      ),
    );
  });
});
