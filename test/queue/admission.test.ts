import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OverloadedError } from "../../src/generation/errors.ts";
import type { GenerationEvent } from "../../src/generation/event.ts";
import type { Generate, Layer } from "../../src/generation/layer.ts";
import { admit } from "../../src/queue/admission.ts";
import { collect, generationRequest } from "../fixtures/generation.ts";

const REQUEST = generationRequest();

const TEXT: GenerationEvent = { type: "text", choice: 0, text: "a" };

const endless: Generate = async function* () {
  for (;;) {
    yield TEXT;
  }
};

function begin(layer: Layer, backend: Generate = endless): AsyncIterator<GenerationEvent> {
  return layer(REQUEST, backend)[Symbol.asyncIterator]();
}

/** How many more requests `layer` lets in now. */
async function countFreePlaces(layer: Layer): Promise<number> {
  const admitted: AsyncIterator<GenerationEvent>[] = [];
  for (;;) {
    const events = begin(layer);
    try {
      await events.next();
      admitted.push(events);
    } catch {
      await Promise.all(admitted.map((other) => other.return?.()));
      return admitted.length;
    }
  }
}

describe("admission", () => {
  it("refuses the request beyond the bound, and takes one again when another has ended", async () => {
    const layer = admit({ maxPending: 2 });
    const [first, second] = [begin(layer), begin(layer)];
    await Promise.all([first.next(), second.next()]);

    await expect(begin(layer).next()).rejects.toThrow(OverloadedError);
    await first.return?.();
    expect((await begin(layer).next()).value).toEqual(TEXT);
  });

  it("passes events on as they are, and the backend's end too", async () => {
    const events: GenerationEvent[] = [
      { type: "started", promptTokens: 3, cachedTokens: 0 },
      TEXT,
      { type: "finished", choice: 0, reason: "stop", completionTokens: 2 },
    ];
    const layer = admit({ maxPending: 1 });
    const seen = await collect(
      layer(REQUEST, async function* () {
        yield* events;
      }),
    );
    expect(seen).toEqual(events);
  });

  it("leaves the backend when it is left", async () => {
    let left = false;
    const events = begin(admit({ maxPending: 1 }), async function* () {
      try {
        yield TEXT;
      } finally {
        left = true;
      }
    });
    await events.next();
    await events.return?.();
    expect(left).toBe(true);
  });

  it("estimates the wait from how long requests took and how many run", async () => {
    let nowMs = 0;
    const layer = admit({ maxPending: 4, now: () => nowMs });
    const running = Array.from({ length: 4 }, () => begin(layer));
    await Promise.all(running.map((events) => events.next()));
    nowMs = 8_000;
    await running[0]?.return?.();
    await begin(layer).next();

    // Four at once, 8 s each: one ends every 2 s.
    await expect(begin(layer).next()).rejects.toMatchObject({ retryAfterMs: 2_000 });
    await expect(begin(layer).next()).rejects.toThrow("already has 4 requests in hand. Try again in 2 s.");
  });

  it("names a wait even before any request has ended", async () => {
    const layer = admit({ maxPending: 1 });
    await begin(layer).next();
    await expect(begin(layer).next()).rejects.toMatchObject({ retryAfterMs: 1_000 });
  });

  it("leaks no place, in whatever order requests begin, go on, fail, end and are left", async () => {
    const action = fc.record({
      kind: fc.constantFrom("begin", "next", "leave", "end", "fail"),
      which: fc.nat({ max: 30 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.array(action, { maxLength: 60 }), async (bound, actions) => {
        const layer = admit({ maxPending: bound });
        const fates: { value: "go on" | "end" | "fail" }[] = [];
        const requests: AsyncIterator<GenerationEvent>[] = [];
        for (const { kind, which } of actions) {
          const index = requests.length === 0 ? 0 : which % requests.length;
          const request = requests[index];
          const fate = fates[index];
          if (kind === "begin" || request === undefined || fate === undefined) {
            const own: { value: "go on" | "end" | "fail" } = { value: "go on" };
            fates.push(own);
            requests.push(
              begin(layer, async function* () {
                while (own.value === "go on") {
                  yield TEXT;
                }
                if (own.value === "fail") {
                  throw new Error("the backend failed");
                }
              }),
            );
          } else if (kind === "next") {
            await request.next().catch(() => {});
          } else if (kind === "leave") {
            // Not awaited: others go on while it is being left.
            void request.return?.();
          } else {
            fate.value = kind;
          }
        }
        await Promise.all(requests.map((request) => request.return?.()));
        expect(await countFreePlaces(layer)).toBe(bound);
      }),
      { numRuns: 200 },
    );
  });
});
