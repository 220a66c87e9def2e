import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createHeldLogprobs } from "../../../src/engine/worker/logprobs.ts";

const of = (token: number) => ({ token, bytes: [], logprob: -token, top: [] });
const tokensOf = (logprobs: readonly { token: number }[]) => logprobs.map(({ token }) => token);

describe("log-probabilities that wait for their text", () => {
  test("come when the last character of their token is sent", () => {
    const held = createHeldLogprobs();
    held.push(of(1), 3);
    expect(held.show(2)).toEqual([]);
    expect(tokensOf(held.show(1))).toEqual([1]);
  });

  test("wait for the other half of a character", () => {
    const held = createHeldLogprobs();
    held.push(of(1), 0);
    expect(held.show(0)).toEqual([]);
    held.push(of(2), 1);
    expect(tokensOf(held.show(1))).toEqual([1, 2]);
  });

  test("are dropped for a stop string, except for a token in whose middle it begins", () => {
    const held = createHeldLogprobs();
    held.push(of(1), 4);
    held.push(of(2), 4);
    held.push(of(3), 4);
    expect(tokensOf(held.show(6))).toEqual([1]);
    expect(tokensOf(held.cut())).toEqual([2]);
    expect(held.flush()).toEqual([]);
  });

  test("come completely at the end, including those of an incomplete character", () => {
    const held = createHeldLogprobs();
    held.push(of(1), 2);
    held.push(of(2), 0);
    expect(tokensOf(held.show(2))).toEqual([1]);
    expect(tokensOf(held.flush())).toEqual([2]);
  });

  test("property: come once each, in order, and never before their text", () => {
    const token = fc.record({ chars: fc.nat(4), shown: fc.nat(4) });
    fc.assert(
      fc.property(fc.array(token, { maxLength: 20 }), (tokens) => {
        const held = createHeldLogprobs();
        let written = 0;
        let shown = 0;
        const got: number[] = [];
        const ends: number[] = [];
        tokens.forEach(({ chars, shown: wish }, index) => {
          written += chars;
          ends.push(written);
          held.push(of(index), chars);
          const now = Math.min(wish, written - shown);
          shown += now;
          got.push(...tokensOf(held.show(now)));
          for (const each of got) expect(ends[each] ?? Number.NaN).toBeLessThanOrEqual(shown);
        });
        got.push(...tokensOf(held.flush()));
        expect(got).toEqual(tokens.map((_, index) => index));
      }),
    );
  });
});
