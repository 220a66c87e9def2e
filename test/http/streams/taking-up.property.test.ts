import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createStreamsDoor } from "../../../src/http/streams/door.ts";
import { answerWith, createTestApp, requestCutThrough, script } from "../support.ts";
import { begin, numberOf, readEvents, STREAMED } from "./support.ts";

const LIMITS = { resumeGraceMs: 60_000, resumeKeepMs: 60_000, resumeBytes: 64 * 1024 ** 2 };
const texts = fc.array(fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }), { minLength: 1, maxLength: 20 });
/** How many events each connection lasts. */
const lives = fc.array(fc.nat({ max: 6 }), { maxLength: 12 });
const WAYS = ["a web stream", "cut-through"] as const;

/** An engine that says each text in a turn of its own, or all at once. */
function speaking(said: readonly string[], isSlow: boolean) {
  return script(async function* ({ choices }) {
    for (const event of answerWith(said, choices)) {
      if (isSlow) await new Promise((resolve) => setImmediate(resolve));
      yield event;
    }
  });
}

describe.each(Object.entries(STREAMED))("a stream of %s that breaks off anywhere, any number of times", (_, asked) => {
  it.each(WAYS)(
    "has each event once, in order, by %s",
    async (way) => {
      await fc.assert(
        fc.asyncProperty(texts, lives, fc.boolean(), fc.boolean(), async (said, cuts, isSlow, byPost) => {
          const streams = createStreamsDoor(LIMITS);
          const { app } = createTestApp({ generate: speaking(said, isSlow), streams });
          const request = way === "cut-through" ? requestCutThrough(app) : app.request.bind(app);
          const { response, id } = await begin(request, asked);
          expect(response.status).toBe(200);
          expect(response.headers.get("sluice-resume")).toBe("grace=60, keep=60");
          const hasIds = response.headers.get("content-type")?.includes("event-stream") === true;

          const got: string[] = [];
          let current = response;
          for (const life of [...cuts, Number.POSITIVE_INFINITY]) {
            const { events, isWhole } = await readEvents(current, life);
            got.push(...events);
            if (isWhole) break;
            const after = String(got.length);
            current =
              byPost && hasIds
                ? (await begin(request, asked, { "last-event-id": `${id}:${after}` })).response
                : await request(`/v1/streams/${id}`, { headers: { "last-event-id": after } });
            if (current.status === 204) break;
            expect(current.status).toBe(200);
          }

          if (hasIds) expect(got.map(numberOf)).toEqual(got.map((_, index) => index + 1));
          const again = await readEvents(await request(`/v1/streams/${id}`));
          expect(got).toEqual(again.events);
          const spoken = got.join("");
          for (const text of said) expect(spoken).toContain(JSON.stringify(text).slice(1, -1));
          await streams.settled();
          streams.close();
        }),
        { numRuns: 25 },
      );
    },
    60_000,
  );
});
