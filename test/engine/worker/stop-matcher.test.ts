import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createStopMatcher } from "../../../src/engine/worker/stop-matcher.ts";

/** What a reader sees, pushing piece by piece until stopped. */
function run(pieces: readonly string[], stops: readonly string[]) {
  const matcher = createStopMatcher(stops);
  let shown = "";
  for (const piece of pieces) {
    const { text, stopped, stop } = matcher.push(piece);
    shown += text;
    if (stopped) return { shown, stopped, stop };
  }
  return { shown: shown + matcher.flush(), stopped: false };
}

const word = fc.string({ unit: fc.constantFrom("a", "b", "\n"), minLength: 1, maxLength: 4 });

describe("the stop matcher", () => {
  test("ends the text where the first stop string begins, however the text is cut", () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 20 }), fc.array(word, { maxLength: 4 }), (pieces, stops) => {
        const text = pieces.join("");
        const places = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
        const { shown, stopped, stop } = run(pieces, stops);
        expect(stopped).toBe(places.length > 0);
        expect(stop !== undefined).toBe(stopped);
        expect(text.startsWith(shown)).toBe(true);
        if (stop !== undefined) expect(text.startsWith(stop, shown.length)).toBe(true);
        else expect(shown).toBe(text);
        for (const stop of stops) expect(shown).not.toContain(stop);
      }),
      { numRuns: 1000 },
    );
  });

  test("cuts at the first stop string of a text that arrives at once", () => {
    expect(run(["say stop or halt now"], ["halt", "stop"])).toEqual({ shown: "say ", stopped: true, stop: "stop" });
  });

  test("finds a stop string that is spread over many pieces", () => {
    const stop = "\n\nHuman:";
    expect(run(["one\n", "\nHu", "man", ": two"], [stop])).toEqual({ shown: "one", stopped: true, stop });
  });

  test("holds back only what may become a stop string", () => {
    const matcher = createStopMatcher(["###"]);
    expect(matcher.push("a#")).toEqual({ text: "a", stopped: false });
    expect(matcher.push("b")).toEqual({ text: "#b", stopped: false });
    expect(matcher.push("##")).toEqual({ text: "", stopped: false });
    expect(matcher.flush()).toBe("##");
  });
});
