import fc from "fast-check";
import { expect, test } from "vitest";
import { EngineCrashedError } from "../../../src/generation/errors.ts";
import { errorOf } from "./helpers.ts";
import { type Action, type Client, createSimulation, expectSound, type Simulation } from "./simulation.ts";

const poison = fc.oneof(
  fc.constant({ when: "prefill" } as const),
  fc.record({ when: fc.constant("token" as const), index: fc.nat(30) }),
  fc.record({ when: fc.constant("after" as const), tokens: fc.nat(25) }),
);

const script = fc.record({
  choices: fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.integer({ min: 2, max: 4 }) }),
  tokens: fc.integer({ min: 1, max: 40 }),
  maxTokens: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
  poison: fc.option(poison, { nil: undefined, freq: 3 }),
});

const times = fc.integer({ min: 1, max: 6 });
const delivered = fc.nat(4);
const which = fc.nat(12);

/** What the outside does, short of taking a worker's life. */
const peaceful: fc.WeightedArbitrary<Action>[] = [
  { weight: 4, arbitrary: fc.record({ do: fc.constant("arrive" as const), script }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("cancel" as const, "leave" as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("pause" as const, "resume" as const), which }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom("read" as const, "deliver" as const), times }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("step" as const), delivered }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 3_000 }) }) },
];

const violent: fc.WeightedArbitrary<Action>[] = [
  { weight: 2, arbitrary: fc.record({ do: fc.constant("kill" as const), delivered }) },
  { weight: 1, arbitrary: fc.constant({ do: "hang" } as const) },
  { weight: 1, arbitrary: fc.constant({ do: "refuseNextLoad" } as const) },
];

async function simulate(actions: readonly Action[]): Promise<Simulation> {
  const simulation = await createSimulation();
  for (const action of actions) await simulation.act(action);
  await simulation.finish();
  return simulation;
}

async function expectAllEnded(simulation: Simulation): Promise<void> {
  const { engine, clients, clock, worker } = simulation;
  for (const client of clients) expectSound(client);
  expect(engine.counts).toEqual({ requests: 0, submissions: 0 });
  // A worker that hangs can't hear that nobody wants its work any more.
  if (!worker.hung) expect(worker.running.size).toBe(0);
  await engine.stop();
  expect(clock.pending).toBe(0);
}

function isDone({ reading, gone }: Client): boolean {
  return gone || reading.outcome === "done";
}

test("property: whatever poisonous requests do, all others complete, and the poisonous ones end", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(...peaceful), { maxLength: 80 }), async (actions) => {
      const simulation = await simulate(actions);
      for (const client of simulation.clients) {
        if (client.script.poison === undefined) expect(isDone(client)).toBe(true);
        else if (!isDone(client)) expect(errorOf(client.reading)).toBeInstanceOf(EngineCrashedError);
      }
      await expectAllEnded(simulation);
    }),
    { numRuns: 300 },
  );
});

test("property: a request that always kills its worker fails, and no other", async () => {
  const arrival = (poisonous: boolean) =>
    fc.record({
      do: fc.constant("arrive" as const),
      script: fc.record({
        choices: fc.integer({ min: 1, max: 2 }),
        tokens: fc.integer({ min: 10, max: 60 }),
        maxTokens: fc.constant(undefined),
        poison: poisonous
          ? fc.record({ when: fc.constant("token" as const), index: fc.nat(9) })
          : fc.constant(undefined),
      }),
    });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 1, arbitrary: arrival(true) }, { weight: 2, arbitrary: arrival(false) }), {
        maxLength: 8,
      }),
      fc.nat(6),
      async (arrivals, spacing) => {
        const actions = arrivals.flatMap((arrive): Action[] => [
          arrive,
          { do: "read", times: 9 },
          ...Array.from({ length: spacing }, (): Action => ({ do: "step", delivered: 1 })),
          { do: "deliver", times: 9 },
        ]);
        const simulation = await simulate(actions);
        for (const {
          script: { poison: does },
          reading,
        } of simulation.clients) {
          if (does === undefined) expect(reading.outcome).toBe("done");
          else expect(errorOf(reading)).toBeInstanceOf(EngineCrashedError);
        }
        await expectAllEnded(simulation);
      },
    ),
    { numRuns: 60 },
  );
});

test("property: whenever workers are killed, hang or fail to load, every request ends once, whole unless it saw three deaths", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(...peaceful, ...violent), { maxLength: 80 }), async (actions) => {
      const simulation = await simulate(actions);
      for (const client of simulation.clients) {
        if (isDone(client)) continue;
        expect(errorOf(client.reading)).toBeInstanceOf(EngineCrashedError);
        if (client.script.poison === undefined) expect(simulation.kills).toBeGreaterThan(0);
      }
      await expectAllEnded(simulation);
    }),
    { numRuns: 300 },
  );
});

test("a request that kills its worker after the end of a first trial is found, too", async () => {
  const arrive = (poison: { when: "after"; tokens: number } | undefined): Action => ({
    do: "arrive",
    script: { choices: 1, tokens: 200, maxTokens: undefined, poison },
  });
  const simulation = await simulate([arrive(undefined), arrive({ when: "after", tokens: 12 }), arrive(undefined)]);
  expect(simulation.clients.map(({ reading }) => reading.outcome === "done")).toEqual([true, false, true]);
  await expectAllEnded(simulation);
});
