import { pino } from "pino";
import { createStage } from "../../../src/batch/elsewhere/stage.ts";
import { systemClock } from "../../../src/clock.ts";
import { batchResult } from "../../fixtures/openai/batches.ts";
import { createBatchPlace, lineOf, ok, openRunner } from "../support.ts";
import { type Behaviour, fakeServer, targetAt } from "./fake-server.ts";

/** A second is a millisecond. */
const SPEED = 1_000;

const ends: (() => unknown)[] = [];

/** Ends what `openBatch` began. */
export async function closeBatches(): Promise<void> {
  for (const end of ends.splice(0).toReversed()) await end();
}

/** A batch of some lines, before a server that behaves so. */
export function openBatch(lines: number, behaviour: Behaviour, bounds = { lines: 50, bytes: 1_000_000 }) {
  const place = createBatchPlace();
  ends.push(() => place[Symbol.dispose]());
  const id = place.addBatch(Array.from({ length: lines }, (_, n) => lineOf(`line-${n}`, { model: "m", n })));
  const server = fakeServer(behaviour);
  const of = targetAt(server);
  const log: string[] = [];
  const asked: number[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => void log.push(JSON.parse(line).msg) });
  let laterMs = 0;
  function start() {
    const state = place.openState();
    const opened = openRunner(place, {
      ...{ logger, now: () => Date.now() + laterMs },
      clock: {
        now: () => systemClock.now() * SPEED,
        after: (ms, callback) => systemClock.after(ms / SPEED, callback),
      },
      doorFor:
        () =>
        async (_path, { body }, replay) => {
          if (replay !== undefined) return new Response(replay.body, { status: replay.status });
          const { n } = Object(JSON.parse(String(body)));
          asked.push(n);
          return ok({ by: "here", n });
        },
      elsewhere: { of, createStage, bounds, segments: state.segments },
    });
    ends.push(async () => {
      await opened[Symbol.asyncDispose]();
      state.close();
    });
    opened.runner.wake();
    return opened;
  }
  const opened = start();
  return {
    ...{ id, server, of, log, asked, opened, place },
    later(ms: number) {
      laterMs += ms;
    },
    cancel() {
      opened.state.batches.cancel(id, Date.now());
      opened.runner.look(id);
      opened.runner.wake();
    },
    /** What became of each line, when it has ended: who has answered, or the error's code. */
    async outcome() {
      await opened.ended;
      const { batch, output, errors } = await opened.results(id);
      const fates = [...output, ...errors].map((text) => {
        const { custom_id, response, error } = batchResult.parse(JSON.parse(text));
        return [Number(custom_id.slice("line-".length)), error?.code ?? Object(response?.body).by] as const;
      });
      return { status: batch.status, fates: fates.toSorted(([one], [other]) => one - other).map(([, fate]) => fate) };
    },
  };
}
