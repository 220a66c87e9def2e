import { open } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { tryLock } from "../../src/store/lock.ts";
import { batchResult } from "../fixtures/openai/batches.ts";
import { Life, liveAndDie, mortalQueue, openMortal } from "./mortal.ts";
import { type BatchPlace, createBatchPlace, doorTo, lineOf, ok, openRunner } from "./support.ts";

/** Runs the batches of a place until they have ended, or for so many steps. */
async function live(place: BatchPlace, steps: number): Promise<void> {
  const life = new Life(steps);
  const state = place.openState();
  const { batchQueue } = state;
  const opened = openRunner(place, {
    queue: mortalQueue(batchQueue, life),
    doorFor: () =>
      doorTo(async ({ n }) => {
        for (let turns = Number(n) % 5; turns > 0; turns--) await setImmediate();
        await life.asyncStep();
        return Number(n) % 4 === 1
          ? Response.json({ error: { n } }, { status: 400 })
          : ok({ n, answer: Number(n) ** 2 });
      }),
    openInput: async (path) => life.owns(await open(path)),
    openOutput: (path) => openMortal(path, life),
    clock: {
      now: systemClock.now,
      after: (ms, callback) => (life.isDead ? () => {} : systemClock.after(ms, callback)),
    },
    async tryLock() {
      const lock = tryLock(`${place.stateFile}.lock`);
      if (lock !== undefined) life.owns({ close: lock.release });
      return lock && { release() {} };
    },
  });
  await liveAndDie(life, opened, batchQueue.unfinished().length === 0);
  state.close();
}

describe("a batch whose process is killed again and again", () => {
  it("has each line exactly once in its output, and the same as without kills", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 25 }),
        fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 6 }),
        async (lines, kills) => {
          using place = createBatchPlace();
          const names = Array.from({ length: lines }, (_, n) => `line-${n}`);
          const id = place.addBatch(names.map((name, n) => lineOf(name, { n, messages: [n % 3] })));
          for (const steps of kills) await live(place, steps);
          await live(place, Number.POSITIVE_INFINITY);

          await using last = openRunner(place, { doorFor: () => doorTo(() => ok({})) });
          const { batch, output, errors } = await last.results(id);
          expect(batch.status).toBe("completed");
          const results = (texts: readonly string[]) => texts.map((text) => batchResult.parse(JSON.parse(text)));
          const [answered, failed] = [results(output), results(errors)];
          const ids = [...answered, ...failed].map(({ custom_id }) => custom_id);
          expect(ids.toSorted()).toEqual(names.toSorted());
          for (const { custom_id, response } of answered) {
            const n = names.indexOf(custom_id);
            expect(response?.body).toEqual({ n, answer: n ** 2 });
          }
          for (const { custom_id, response } of failed) {
            expect(response?.status_code).toBe(400);
            expect(names.indexOf(custom_id) % 4).toBe(1);
          }
        },
      ),
      { numRuns: 15 },
    );
  });
});
