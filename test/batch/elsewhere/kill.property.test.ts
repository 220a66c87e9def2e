import { open } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RemoteError } from "../../../src/batch/elsewhere/remote.ts";
import { createStage } from "../../../src/batch/elsewhere/stage.ts";
import { systemClock } from "../../../src/clock.ts";
import { batchResult } from "../../fixtures/openai/batches.ts";
import { Life, liveAndDie, mortalQueue, openMortal } from "../mortal.ts";
import { type BatchPlace, createBatchPlace, lineOf, ok, openRunner } from "../support.ts";
import { expiredLine, type FakeServer, fakeServer, resultLine, targetAt } from "./fake-server.ts";

/** A second is two milliseconds. */
const SPEED = 500;

/** Runs the batches of a place until they have ended, or for so many steps, whether they are the gateway's or the server's. */
async function live(place: BatchPlace, server: FakeServer, steps: number, failures: readonly number[]): Promise<void> {
  const life = new Life(steps);
  const state = place.openState();
  const { batchQueue, segments } = state;
  const left = [...failures];
  server.behaviour = {
    ...server.behaviour,
    async step(call) {
      await life.asyncStep();
      // What is left when this fails again and again is left for good.
      if (call !== "removeFile" && left.shift() === 1) throw new RemoteError("away", "It can't be reached.");
    },
  };
  const opened = openRunner(place, {
    queue: mortalQueue(batchQueue, life),
    elsewhere: {
      of: targetAt(server),
      createStage,
      bounds: { lines: 7, bytes: 1_000 },
      segments: {
        ...segments,
        put(...given) {
          life.step();
          segments.put(...given);
          life.step();
        },
      },
    },
    doorFor:
      () =>
      async (_path, { body }, replay) => {
        await setImmediate();
        await life.asyncStep();
        if (replay !== undefined) return new Response(replay.body, { status: replay.status });
        return ok({ by: "here", n: Object(JSON.parse(String(body))).n });
      },
    openInput: async (path) => life.owns(await open(path)),
    openOutput: (path) => openMortal(path, life),
    clock: {
      now: () => systemClock.now() * SPEED,
      after: (ms, callback) => (life.isDead ? () => {} : systemClock.after(ms / SPEED, callback)),
    },
    async tryLock() {
      return { release() {} };
    },
  });
  await liveAndDie(life, opened, batchQueue.unfinished().length === 0);
  state.close();
}

/** What a server makes of the request n: an answer, a refusal, nothing, a failure, or an answer beside strange lines. */
function answerOf(n: number, id: string) {
  switch (n % 6) {
    case 1:
      return { error: [resultLine(id, { error: { n } }, 400)] };
    case 2:
      return {};
    case 3:
      return { error: [resultLine(id, {}, 500), expiredLine(id)] };
    case 4:
      return {
        output: [
          "{",
          resultLine(id, { by: "there", n }),
          resultLine(id, { by: "there", n: -1 }),
          resultLine("999", {}),
        ],
      };
    default:
      return { output: [resultLine(id, { by: "there", n })] };
  }
}

describe("a batch at another server, while the gateway is killed and the server fails again and again", () => {
  it("has each line exactly once in its output, creates nothing twice there, and leaves nothing there", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 25 }),
        fc.array(fc.integer({ min: 0, max: 120 }), { maxLength: 6 }),
        fc.array(fc.constantFrom(0, 0, 0, 0, 1), { maxLength: 60 }),
        async (lines, kills, failures) => {
          using place = createBatchPlace();
          const server = fakeServer({ answer: ({ custom_id: id, body }) => answerOf(Number(body.n), id) });
          const names = Array.from({ length: lines }, (_, n) => `line-${n}`);
          const id = place.addBatch(
            names.map((name, n) => lineOf(name, { model: "m", n, ...(n % 5 === 4 && { alone: true }) })),
          );
          for (const steps of kills) await live(place, server, steps, failures);
          await live(place, server, Number.POSITIVE_INFINITY, failures);

          await using last = openRunner(place, { doorFor: () => async () => ok({}) });
          const { batch, output, errors } = await last.results(id);
          expect(batch.status).toBe("completed");
          const read = (texts: readonly string[]) => texts.map((text) => batchResult.parse(JSON.parse(text)));
          const all = [...read(output), ...read(errors)];
          expect(all.map(({ custom_id }) => custom_id).toSorted()).toEqual(names.toSorted());
          for (const { custom_id, response } of all) {
            const n = names.indexOf(custom_id);
            const isThere = n % 5 !== 4 && ![2, 3].includes(n % 6);
            if (isThere && n % 6 === 1) expect(response).toMatchObject({ status_code: 400, body: { error: { n } } });
            else expect(response?.body).toEqual({ by: isThere ? "there" : "here", n });
          }
          const tags = [...server.batches.values()].map(({ tag }) => tag);
          expect(new Set(tags).size).toBe(tags.length);
          expect([...server.files.values()].map(({ name }) => name)).toEqual([]);
        },
      ),
      { numRuns: 25 },
    );
  });
});
