import { expect, it } from "vitest";
import type { GenerationEvent } from "../../src/generation/event.ts";
import { createTempo } from "../../src/live/tempo.ts";
import { requestOf } from "../engine/host/helpers.ts";

/** A request whose events come at the times that the test says. */
function begin(tempo: ReturnType<typeof createTempo>, model = "m") {
  const follower = tempo.follow(requestOf({ model }), 0);
  return {
    say: (event: GenerationEvent, atMs = 0) => follower.event(event, () => atMs),
    note: (sighting: Parameters<typeof follower.note>[0]) => follower.note(sighting, () => 0),
  };
}

const text = (choice = 0): GenerationEvent => ({ type: "text", choice, text: "x" });

it("counts tokens in the second in which they come, and prompts without what was held", () => {
  const tempo = createTempo();
  const { say } = begin(tempo);
  say({ type: "started", promptTokens: 100, cachedTokens: 40 });
  for (let at = 0; at < 3; at += 1) say(text(), 10 * at);
  expect(tempo.beat()).toMatchObject({ generatedTokens: 3, promptTokens: 60 });
  say(text(), 40);
  expect(tempo.beat()).toMatchObject({ generatedTokens: 1, promptTokens: 0 });
});

it("measures the wait for the first token once, and then the time between tokens of each choice", () => {
  const tempo = createTempo();
  const { say } = begin(tempo);
  say(text(0), 200);
  say(text(1), 205);
  say(text(0), 220);
  say(text(1), 225);
  const { firstTokenMs, betweenTokensMs } = tempo.beat();
  expect(firstTokenMs?.[0]).toBeCloseTo(200, -1);
  expect(betweenTokensMs?.[0]).toBeGreaterThan(19);
  expect(betweenTokensMs?.[2]).toBeLessThan(21);
});

it("takes a piece for as many tokens as the model's pieces have had", () => {
  const tempo = createTempo();
  const { say } = begin(tempo);
  for (let at = 0; at < 10; at += 1) say(text(), at);
  say({ type: "finished", choice: 0, reason: "stop", completionTokens: 30 }, 11);
  tempo.beat();
  const next = begin(tempo);
  next.say(text(), 1);
  next.say(text(), 2);
  const other = begin(tempo, "other");
  other.say(text(), 3);
  const { generatedTokens, tokensByModel } = tempo.beat();
  expect(generatedTokens).toBe(7);
  expect(Object.fromEntries(tokensByModel)).toEqual({ m: 6, other: 1 });
});

it("counts an answer from the cache as a request, and none of its tokens", () => {
  const tempo = createTempo();
  const { say, note } = begin(tempo);
  say({ type: "started", promptTokens: 10, cachedTokens: 0, isReplay: true });
  say(text(), 1);
  note({ type: "ended", outcome: "done" });
  expect(tempo.beat()).toMatchObject({ generatedTokens: 0, promptTokens: 0, ended: 1, failed: 0 });
});

it("counts failures and refusals", () => {
  const tempo = createTempo();
  begin(tempo).note({ type: "failed", error: new Error("no") });
  expect(tempo.beat()).toMatchObject({ ended: 1, failed: 1 });
});

it("counts tokens for the target that a route has chosen", () => {
  const tempo = createTempo();
  const { say, note } = begin(tempo, "route");
  note({ type: "routed", route: "route", steps: [{ target: "chosen", outcome: "answered" }] });
  say(text(), 1);
  expect([...tempo.beat().tokensByModel.keys()]).toEqual(["chosen"]);
});
