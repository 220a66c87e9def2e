import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { membersOf, replaceMembers } from "../../src/json/members.ts";

const object = fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true });
const spaces = fc.constantFrom(undefined, 1, "\t", "  ");

describe("the members of an object's text", () => {
  it("are those that a parser finds, however the text is laid out", () => {
    fc.assert(
      fc.property(object, spaces, (value, space) => {
        const text = JSON.stringify(value, null, space);
        const found = membersOf(text)?.map(({ name, start, end }) => [name, JSON.parse(text.slice(start, end))]);
        expect(found).toEqual(Object.entries(JSON.parse(text)));
      }),
    );
  });

  it("are replaced and added, and all else stays as it was written", () => {
    fc.assert(
      fc.property(object, fc.string(), fc.jsonValue(), spaces, (value, name, other, space) => {
        fc.pre(name !== "__proto__" && !Object.hasOwn(value, "__proto__"));
        const text = JSON.stringify(value, null, space);
        const changed = JSON.parse(replaceMembers(text, { [name]: JSON.stringify(other) }));
        expect(changed).toEqual(JSON.parse(JSON.stringify({ ...value, [name]: other })));
      }),
    );
  });

  it("end for any text, also for what is no JSON", () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...'{}[]":,\\ a1\n') }), (text) => void membersOf(text)));
  });

  it("are replaced wherever they stand twice, and whatever escapes their name has", () => {
    const text = '{"model":"a", "mod\\u0065l" : "b" ,"n":1e400,"x":{"model":"c"}}';
    expect(replaceMembers(text, { model: '"z"' })).toBe(
      '{"model":"z", "mod\\u0065l" : "z" ,"n":1e400,"x":{"model":"c"}}',
    );
  });

  it("are not found in what is no object", () => {
    for (const text of ["", "[]", "1", '{"a"', '{"a":', '{"a":1', '{"a":"', "{,}", '{"a":1,}']) {
      expect(membersOf(text)).toBeUndefined();
    }
  });
});
