import { describe, expect, it } from "vitest";
import { Foresight } from "../../src/generation/foresight.ts";
import type { News, RouteStep } from "../../src/generation/news.ts";

const waiting = (etaMs: number, isLoading?: true): News => ({
  ...{ type: "waiting", position: 1, etaMs },
  ...(isLoading && { isLoading }),
});
const routed = (...steps: readonly RouteStep[]): News => ({ type: "routed", route: "r", steps });

/** What is noted of a request with this news, each with its time, whose first token comes at `firstMs`. */
function note(firstMs: number, ...news: readonly (readonly [atMs: number, news: News])[]) {
  const foresight = new Foresight();
  const noted: [by: string, ratio: number][] = [];
  for (const [atMs, each] of news) foresight.note(each, () => atMs);
  foresight.fulfil(firstMs, (by, ratio) => noted.push([by, ratio]));
  foresight.fulfil(firstMs, (by, ratio) => noted.push([by, ratio]));
  return noted;
}

describe("a prediction of a wait", () => {
  it("is the first that the queue made, measured from when it was made", () => {
    expect(note(2_100, [100, waiting(1_000)], [1_100, waiting(50)])).toEqual([["queue", 2]]);
  });

  it("is told apart while the model is loaded", () => {
    expect(note(1_000, [0, waiting(500, true)])).toEqual([["load", 2]]);
  });

  it("is also that of the route for the target that answered", () => {
    const asked = { target: "a", outcome: "asked", firstTokenMs: 400 } as const;
    const spare = { target: "b", outcome: "spare", firstTokenMs: 9_000 } as const;
    expect(note(800, [0, routed(asked, spare)], [0, waiting(1_600)])).toEqual([
      ["queue", 0.5],
      ["route", 2],
    ]);
    const failed = { target: "a", outcome: "failed", firstTokenMs: 400 } as const;
    const next = { target: "b", outcome: "asked", firstTokenMs: 500 } as const;
    const answered = { ...next, outcome: "answered" } as const;
    expect(
      note(
        1_500,
        [0, routed(asked)],
        [0, waiting(700)],
        [500, routed(next, failed)],
        [1_400, routed(answered, failed)],
      ),
    ).toEqual([["route", 2]]);
  });

  it("is none where nothing was predicted, or nothing that ends", () => {
    const asked = { target: "a", outcome: "asked" } as const;
    expect(note(800, [0, routed(asked)])).toEqual([]);
    expect(note(800, [0, routed({ ...asked, firstTokenMs: Number.POSITIVE_INFINITY })])).toEqual([]);
    expect(note(800)).toEqual([]);
  });

  it("of less than anybody feels is true of a wait that nobody felt", () => {
    expect(note(80, [0, waiting(1)])).toEqual([["queue", 1]]);
    expect(note(300, [0, waiting(1)])).toEqual([["queue", 3]]);
    expect(note(20, [0, waiting(200)])).toEqual([["queue", 0.5]]);
  });
});
