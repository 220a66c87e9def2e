import { expect, test } from "vitest";
import type { Visit } from "../../../bench/load/open-loop.ts";
import { outcomeOf } from "../../../bench/load/outcome.ts";
import { GAVE_UP } from "../../../bench/load/post.ts";
import { frame, makeExchange, streamAt } from "./exchanges.ts";

function visit(first: Visit["first"], second?: Visit["second"]): Visit {
  return { client: { atMs: 0, kind: "polite" }, lateMs: 2, first, ...(second && { second }) };
}

const answered = makeExchange({ status: 200, startedMs: 100, endedMs: 400, reads: streamAt(300, 310, 320, 400) });
const refused = makeExchange({ status: 503, startedMs: 10, endedMs: 14 });

test("an answer has the time to its first text and its own gaps", () => {
  const outcome = outcomeOf(visit(answered));
  expect(outcome).toMatchObject({ kind: "polite", lateMs: 2, end: "answered", ttftMs: 200, cameBack: false });
  expect(outcome.itlP95Ms).toBeCloseTo(73);
});

test("who came back and was answered has the time from when it came back, and its refusal", () => {
  expect(outcomeOf(visit(refused, answered))).toMatchObject({
    end: "answered",
    ttftMs: 200,
    refusals: [{ status: 503, tookMs: 4 }],
    cameBack: true,
  });
});

test("who is refused, perhaps twice, has no time to a first text", () => {
  const outcome = outcomeOf(visit(refused, makeExchange({ status: 429, endedMs: 1 })));
  expect(outcome.end).toBe("refused");
  expect(outcome.ttftMs).toBeUndefined();
  expect(outcome.refusals.map(({ status }) => status)).toEqual([503, 429]);
});

test("who gave up without any text waited at least so long for it", () => {
  const unanswered = makeExchange({ startedMs: 100, endedMs: 30_100, cut: GAVE_UP });
  expect(outcomeOf(visit(unanswered))).toMatchObject({ end: "gave up", ttftMs: 30_000 });
  const queued = makeExchange({ status: 200, startedMs: 100, endedMs: 30_100, cut: GAVE_UP });
  expect(outcomeOf(visit(queued))).toMatchObject({ end: "gave up", ttftMs: 30_000 });
});

test("who gave up in mid-answer had its first text when it came", () => {
  const [first] = streamAt(300);
  const half = makeExchange({ status: 200, startedMs: 100, endedMs: 900, reads: first ? [first] : [], cut: GAVE_UP });
  expect(outcomeOf(visit(half))).toMatchObject({ end: "gave up", ttftMs: 200 });
});

test("a broken connection, another status, a stream without its end or with an error in it are failures", () => {
  const [first] = streamAt(300);
  const error = { atMs: 300, bytes: frame({ error: { message: "The request waited 5.0 s for its turn." } }) };
  for (const exchange of [
    makeExchange({ cut: "read ECONNRESET" }),
    makeExchange({ status: 500 }),
    makeExchange({ status: 200, reads: first ? [first] : [] }),
    makeExchange({ status: 200, reads: [error] }),
    makeExchange({ status: 200, reads: streamAt() }),
  ]) {
    expect(outcomeOf(visit(exchange)).end).toBe("failed");
  }
});
