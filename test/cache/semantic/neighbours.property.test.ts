import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createNeighbours } from "../../../src/cache/semantic/neighbours.ts";
import { type Reading, readRequest } from "../../../src/cache/semantic/reading.ts";

function read(text: string): Reading {
  const reading = readRequest(text);
  if (reading === undefined) throw new Error("the text must be one that can be read");
  return reading;
}

const neighbour = (text: string, key = text) => ({ text, reading: read(text), key });

describe("createNeighbours", () => {
  it("never exceeds its bytes", () => {
    const text = fc.integer({ min: 0, max: 200 }).map((n) => `What is ${"so ".repeat(n % 50)}${n % 60}?`);
    const step = fc.record({ text, key: fc.integer({ max: 20 }).map(String), goes: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1_000, max: 20_000 }), (steps, maxBytes) => {
        const neighbours = createNeighbours(maxBytes);
        for (const { text, key, goes } of steps) {
          if (goes) neighbours.forget("here", neighbour(text, key));
          else neighbours.add("here", neighbour(text, key));
          expect(neighbours.bytes()).toBeLessThanOrEqual(maxBytes);
        }
      }),
    );
  });

  it("returns the newest first, each answer once, and at most four wordings of one question", () => {
    const neighbours = createNeighbours(100_000);
    for (const key of ["a", "b", "c", "d", "e", "d"]) neighbours.add("here", neighbour("What is it?", key));
    expect(neighbours.find("here", read("what is it")).map(({ key }) => key)).toEqual(["d", "e", "c", "b"]);
    expect(neighbours.find("there", read("What is it?"))).toEqual([]);
  });

  it("compares the capitals of each neighbour", () => {
    const neighbours = createNeighbours(100_000);
    neighbours.add("here", neighbour("Where is Big Ben?"));
    expect(neighbours.find("here", read("Where is big Ben?"))).toEqual([]);
    expect(neighbours.find("here", read("where is big ben?"))).toHaveLength(1);
  });
});
