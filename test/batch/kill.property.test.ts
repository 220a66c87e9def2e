import { open } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { OutputFile } from "../../src/batch/ledger.ts";
import { systemClock } from "../../src/clock.ts";
import { tryLock } from "../../src/store/lock.ts";
import { batchResult } from "../fixtures/openai/batches.ts";
import { type BatchPlace, createBatchPlace, doorTo, lineOf, ok, openRunner } from "./support.ts";

/** Every write that it has begun may be half done when it ends. */
class Life {
  readonly died = Promise.withResolvers<void>();
  readonly #open = new Set<{ close: () => unknown }>();
  #stepsLeft: number;
  isDead = false;

  constructor(steps: number) {
    this.#stepsLeft = steps;
  }

  /** Nothing that happens after the last step is seen by anybody. */
  step(): void {
    this.#stepsLeft -= 1;
    if (this.#stepsLeft < 0) this.kill();
    if (this.isDead) throw new Error("This process is dead.");
  }

  async asyncStep(): Promise<void> {
    try {
      this.step();
    } catch {
      await new Promise(() => {});
    }
  }

  owns<T extends { close: () => unknown }>(handle: T): T {
    this.#open.add(handle);
    return handle;
  }

  kill(): void {
    if (this.isDead) return;
    this.isDead = true;
    for (const handle of this.#open) handle.close();
    this.died.resolve();
  }
}

async function openMortal(path: string, life: Life): Promise<OutputFile> {
  await (await open(path, "a")).close();
  const file = life.owns(await open(path, "r+"));
  return {
    async write(bytes: NodeJS.ArrayBufferView, offset = 0, length = 0, position = 0) {
      // Half of it is written before the step in which it may die.
      const half = await file.write(bytes, offset ?? 0, Math.ceil((length ?? 0) / 2), position ?? 0);
      await life.asyncStep();
      return half;
    },
    async datasync() {
      await life.asyncStep();
      await file.datasync();
      await life.asyncStep();
    },
    async truncate(length?: number) {
      await life.asyncStep();
      await file.truncate(length);
    },
    async close() {
      await life.asyncStep();
      await file.close();
    },
  } as OutputFile;
}

/** Runs the batches of a place until they have ended, or for so many steps. */
async function live(place: BatchPlace, steps: number): Promise<void> {
  const life = new Life(steps);
  const state = place.openState();
  const { batchQueue } = state;
  const queue: typeof batchQueue = {
    ...batchQueue,
    change(...given) {
      life.step();
      const isChanged = batchQueue.change(...given);
      life.step();
      return isChanged;
    },
    record(...given) {
      life.step();
      const status = batchQueue.record(...given);
      life.step();
      return status;
    },
    unfinished() {
      life.step();
      return batchQueue.unfinished();
    },
  };
  const opened = openRunner(place, {
    queue: {
      ...queue,
      change(...given) {
        const isChanged = queue.change(...given);
        if (isChanged && batchQueue.unfinished().length === 0) done.resolve();
        return isChanged;
      },
    },
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
  const done = Promise.withResolvers<void>();
  if (batchQueue.unfinished().length === 0) done.resolve();
  opened.runner.wake();
  await Promise.race([done.promise, life.died.promise]);
  await Promise.race([opened.runner.stop(), life.died.promise]);
  for (let turns = 0; turns < 3; turns++) await setImmediate();
  if (!life.isDead) life.kill();
  state.close();
  opened.state.close();
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
