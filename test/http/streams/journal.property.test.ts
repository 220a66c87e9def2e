import { once } from "node:events";
import fc from "fast-check";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import type { JournalStep } from "../../../src/generation/journal.ts";
import type { GenerationRequest } from "../../../src/generation/request.ts";
import { requestAs } from "../../../src/http/arrival.ts";
import { createStreamsDoor, type JournalOptions } from "../../../src/http/streams/door.ts";
import type { JournalStore } from "../../../src/http/streams/journal.ts";
import type { StreamChanges, StreamStore } from "../../../src/store/streams.ts";
import { openState, temporaryFolder } from "../../store/support.ts";
import { createTestApp, loopTurn, script } from "../support.ts";
import { begin, readEvents, STREAMED } from "./support.ts";

const LIMITS = { resumeGraceMs: 60_000, resumeKeepMs: 60_000, resumeBytes: 64 * 1024 ** 2 };
const texts = fc.array(fc.string({ minLength: 1, maxLength: 8, unit: "grapheme" }), { minLength: 1, maxLength: 16 });
const logger = pino({ level: "silent" });

/** Says again what was written, then goes on, as an engine does; stands still after `steps` new ones. */
function createEngine(said: readonly string[], steps: number) {
  const stands = Promise.withResolvers<void>();
  const generate = script(async function* (request: GenerationRequest) {
    const { journal, choices, signal } = request;
    const earlier = journal?.begin("print") ?? [];
    let left = steps;
    for (let choice = 0; choice < choices; choice += 1) {
      const told = earlier.filter((step) => step.choice === choice);
      for (let index = 0; index <= said.length; index += 1) {
        const isLast = index === said.length;
        const step: JournalStep = told[index] ?? {
          ...{ choice, tokens: [index], text: isLast ? "" : (said[index] ?? "") },
          ...(choice + index === 0 && { started: { promptTokens: 9, cachedTokens: 1 } }),
          ...(isLast && { finished: { reason: "stop", completionTokens: said.length + 1 } }),
        };
        if (told[index] === undefined) {
          if (left === 0) {
            stands.resolve();
            if (!signal.aborted) await once(signal, "abort");
          }
          signal.throwIfAborted();
          left -= 1;
          journal?.note(step);
        }
        if (step.started !== undefined) yield { type: "started", ...step.started };
        if (step.text !== "") yield { type: "text", choice, text: step.text };
        if (step.finished !== undefined) yield { type: "finished", choice, ...step.finished };
      }
    }
  });
  return { generate, stands: stands.promise };
}

/** Reads up to `count` events, as long as the engine works. */
async function readWhile(response: Response, count: number, stands: Promise<void>) {
  const stop = new AbortController();
  const body = response.body?.pipeThrough(new TransformStream(), { signal: stop.signal });
  void stands.then(async () => {
    for (let turn = 0; turn < 5; turn += 1) await loopTurn();
    stop.abort();
  });
  return readEvents(new Response(body, { headers: response.headers }), count);
}

/** A gateway's process: killed, it writes nothing more. @param isApart whether writes take some turns of the event loop, as in a thread of their own */
function run(file: string, pid: number, generate: ReturnType<typeof script>, isApart: boolean) {
  const state = openState({ file, pid, isAlive: () => false });
  let isAlive = true;
  state.streams.adopt(Date.now() + 60_000);
  const write: StreamStore["write"] = (changes) => {
    if (isAlive) state.streams.write(changes);
  };
  async function writeLater(changes: StreamChanges): Promise<void> {
    await loopTurn();
    write(changes);
    await loopTurn();
  }
  const store: JournalStore = { ...state.streams, write: isApart ? writeLater : write };
  const inner: JournalOptions["requestAs"] = (caller) => requestAs(app, caller);
  const streams = createStreamsDoor(LIMITS, { journal: { store, logger, requestAs: inner } });
  const { app } = createTestApp({ generate, streams, state });
  return {
    request: (path: string, init?: RequestInit) => app.request(path, init),
    streams,
    async kill() {
      isAlive = false;
      await streams.close();
      state.close();
    },
  };
}

describe.each(Object.entries(STREAMED))(
  "a stream of %s whose gateway is killed anywhere, any number of times",
  (_, asked) => {
    it("has each event once, and the same for all who read it", async () => {
      await fc.assert(
        fc.asyncProperty(
          texts,
          fc.array(fc.tuple(fc.nat({ max: 5 }), fc.nat({ max: 9 }), fc.boolean()), { maxLength: 4 }),
          fc.boolean(),
          async (said, lives, isApart) => {
            using folder = temporaryFolder();
            const got: string[] = [];
            let id = "";
            const plan = [...lives, [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, false] as const];
            for (const [index, [steps, count, handsOver]] of plan.entries()) {
              const isFirst = index === 0;
              const all = isFirst ? Math.max(1, steps) : steps;
              const { generate, stands } = createEngine(said, all);
              const gateway = run(folder.file, index + 1, generate, isApart);
              let response: Response;
              if (isFirst) {
                ({ response, id } = await begin(gateway.request, asked));
              } else {
                response = await gateway.request(`/v1/streams/${id}?after=${got.length}`);
                // Killed before anything was written, which nobody has seen.
                if (response.status === 404 && got.length === 0) {
                  await gateway.kill();
                  return;
                }
              }
              if (response.status === 204) {
                await gateway.kill();
                break;
              }
              expect(response.status).toBe(200);
              expect(response.headers.get("sluice-resume")).toBe("grace=60, keep=60, journal");
              const { events, isWhole } = await readWhile(response, count, stands);
              got.push(...events);
              if (handsOver) {
                gateway.streams.suspend();
                await gateway.streams.settled();
              }
              await gateway.kill();
              if (isWhole) break;
            }
            const spoken = got.join("");
            for (const text of said) expect(spoken).toContain(JSON.stringify(text).slice(1, -1));
            const ids = new Set(
              [...spoken.matchAll(/"id":"((?:chatcmpl|cmpl|resp|msg)[-_]\w+)"/g)].map(([, each]) => each),
            );
            expect(ids.size).toBeLessThanOrEqual(asked.path === "/v1/responses" ? 2 : 1);
          },
        ),
        { numRuns: 10 },
      );
    }, 60_000);
  },
);
