import { expect, test } from "vitest";
import { createGenerationStream } from "../../../src/engine/host/generation-stream.ts";
import { allowedToRun, judge, trialTokens } from "../../../src/engine/host/quarantine.ts";
import { createSequenceTable } from "../../../src/engine/host/sequence-table.ts";
import { at, requestOf } from "./helpers.ts";

const policy = { maxDeaths: 3, clearAfterTokens: 8 };

function inFlight(given: { suspect?: boolean; deaths?: number; tokens?: number; maxTokens?: number } = {}) {
  const { writer } = createGenerationStream({ onStart() {}, onClose() {} });
  const request = requestOf({ maxTokens: given.maxTokens });
  const made = createSequenceTable().add(request, writer, 1);
  made.suspect = given.suspect ?? false;
  made.deaths = given.deaths ?? 0;
  at(made.sequences, 0).tokens.push(...Array.from({ length: given.tokens ?? 0 }, () => 1));
  return made;
}

test("the second death makes a suspect; the third convicts, but only a request that was alone", () => {
  expect(judge(1, true, policy)).toBe("continues");
  expect(judge(2, true, policy)).toBe("suspect");
  expect(judge(3, true, policy)).toBe("guilty");
  expect(judge(1, false, policy)).toBe("continues");
  expect(judge(2, false, policy)).toBe("suspect");
  expect(judge(7, false, policy)).toBe("suspect");
});

test("a policy of one death suspects at once, and convicts a request that was alone", () => {
  expect(judge(1, false, { maxDeaths: 1 })).toBe("suspect");
  expect(judge(1, true, { maxDeaths: 1 })).toBe("guilty");
});

test("all requests run without a suspect, otherwise the first suspect alone", () => {
  const [a, b, c] = [inFlight(), inFlight({ suspect: true }), inFlight({ suspect: true })];
  expect(allowedToRun([a])).toEqual([a]);
  expect(allowedToRun([a, b, c])).toEqual([b]);
});

test("a trial goes some tokens past the death, twice as far after each further death", () => {
  const limits = [2, 3, 4].map((deaths) =>
    trialTokens(at(inFlight({ suspect: true, deaths, tokens: 10 }).sequences, 0), policy),
  );
  expect(limits).toEqual([19, 27, 43]);
});

test("a sequence that would end within its trial has no trial limit, and neither has one that is no suspect", () => {
  const near = inFlight({ suspect: true, deaths: 2, tokens: 10, maxTokens: 19 });
  const far = inFlight({ suspect: true, deaths: 2, tokens: 10, maxTokens: 20 });
  expect(trialTokens(at(near.sequences, 0), policy)).toBeUndefined();
  expect(trialTokens(at(far.sequences, 0), policy)).toBe(19);
  expect(trialTokens(at(inFlight({ deaths: 2 }).sequences, 0), policy)).toBeUndefined();
});
