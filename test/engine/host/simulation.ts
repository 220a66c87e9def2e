import { expect } from "vitest";
import { createEngine, type Engine } from "../../../src/engine/host/engine.ts";
import type { GenerationEvent } from "../../../src/generation/event.ts";
import { type Hold, OWN_TERMS } from "../../../src/generation/terms.ts";
import { createFakeClock, type FakeClock } from "../../fake-clock.ts";
import { OPTIONS, type Reading, read, requestOf, settle, silentLogger, textOf, userPrompt } from "./helpers.ts";
import { type Script, SEED, SimulatedWorker, wholeText } from "./simulated-worker.ts";

export type Action =
  | { readonly do: "arrive"; readonly script: Omit<Script, "name"> }
  | { readonly do: "cancel"; readonly which: number }
  | { readonly do: "leave"; readonly which: number }
  | { readonly do: "pause" | "resume"; readonly which: number }
  | { readonly do: "read" | "deliver"; readonly times: number }
  | { readonly do: "step"; readonly delivered: number }
  | { readonly do: "kill"; readonly delivered: number }
  | { readonly do: "hang" }
  | { readonly do: "refuseNextLoad" }
  | { readonly do: "pass"; readonly ms: number };

export type Client = {
  readonly script: Script;
  readonly reading: Reading;
  readonly iterator: AsyncIterator<GenerationEvent>;
  readonly controller: AbortController;
  /** What sets it aside, when the engine has taken it. */
  hold: Hold | undefined;
  /** The client had enough: by abort, or by leaving the loop. */
  gone: boolean;
};

export type Simulation = {
  readonly engine: Engine;
  readonly clock: FakeClock;
  readonly clients: readonly Client[];
  /** How often the test, not a request, took a worker's life. */
  readonly kills: number;
  readonly worker: SimulatedWorker;
  act(action: Action): Promise<void>;
  /** Lets everything go on undisturbed until all requests have ended. */
  finish(): Promise<void>;
};

export async function createSimulation(): Promise<Simulation> {
  const clock = createFakeClock();
  const clients: Client[] = [];
  let worker = new SimulatedWorker(false);
  let refuseNext = false;
  let taken = 0;
  const engine = createEngine({
    options: OPTIONS,
    logger: silentLogger,
    clock,
    spawn() {
      worker = new SimulatedWorker(refuseNext);
      refuseNext = false;
      return worker;
    },
  });

  function arrive(given: Omit<Script, "name">): void {
    const script: Script = { ...given, name: `r${clients.length}c` };
    const controller = new AbortController();
    const request = requestOf({
      id: script.name,
      prompt: userPrompt(JSON.stringify(script)),
      choices: script.choices,
      maxTokens: script.maxTokens,
      seed: SEED,
      signal: controller.signal,
      terms: { ...OWN_TERMS, onTaken: keep },
    });
    function keep(hold: Hold): void {
      client.hold = hold;
    }
    const iterator = engine.generate(request)[Symbol.asyncIterator]();
    const reading = read({ [Symbol.asyncIterator]: () => iterator });
    const client: Client = { script, controller, iterator, reading, hold: undefined, gone: false };
    clients.push(client);
  }

  function leave({ do: how, which }: Extract<Action, { do: "cancel" | "leave" }>): void {
    const client = clients[which % Math.max(1, clients.length)];
    if (client === undefined) return;
    if (client.reading.outcome === "running") client.gone = true;
    if (how === "cancel") client.controller.abort(new Error("aborted"));
    else void client.iterator.return?.();
  }

  function perform(action: Action): void {
    switch (action.do) {
      case "arrive":
        arrive(action.script);
        break;
      case "cancel":
      case "leave":
        leave(action);
        break;
      case "pause":
        clients[action.which % Math.max(1, clients.length)]?.hold?.pause();
        break;
      case "resume":
        clients[action.which % Math.max(1, clients.length)]?.hold?.resume();
        break;
      case "read":
        for (let time = 0; time < action.times; time += 1) worker.readOne();
        break;
      case "deliver":
        for (let time = 0; time < action.times; time += 1) worker.deliverOne();
        break;
      case "step":
        if (!worker.decodeOne()) worker.crash(action.delivered);
        break;
      case "kill":
      case "hang":
        if (engine.state !== "ready" || worker.hung) break;
        taken += 1;
        if (action.do === "hang") worker.hung = true;
        else worker.crash(action.delivered, "SIGKILL");
        break;
      case "refuseNextLoad":
        refuseNext = true;
        break;
      case "pass":
        clock.advance(action.ms);
    }
  }

  const started = engine.start();
  worker.readOne();
  worker.deliverOne();
  await started;

  return {
    engine,
    clock,
    clients,
    get kills() {
      return taken;
    },
    get worker() {
      return worker;
    },
    async act(action) {
      perform(action);
      await settle();
    },
    async finish() {
      for (const { hold } of clients) hold?.resume();
      for (let round = 0; round < 5_000; round += 1) {
        if (clients.every(({ reading }) => reading.outcome !== "running")) break;
        while (worker.readOne());
        if (!worker.decodeOne()) worker.crash(round % 3);
        while (worker.deliverOne());
        if (engine.state === "ready" && !worker.hung && !worker.dead)
          worker.say({ type: "heartbeat", decodingForMs: 0 });
        clock.advance(1_000);
        await settle();
      }
      while (worker.readOne());
    },
  };
}

/** Checks what every client may expect, however often its worker died. */
export function expectSound({ script, reading, gone }: Client): void {
  expect(reading.outcome).not.toBe("running");
  const { events } = reading;
  expect(events.filter(({ type }) => type === "started").length).toBeLessThanOrEqual(1);
  if (events.length > 0) expect(events[0]?.type).toBe("started");
  const isWhole = reading.outcome === "done" && !gone;
  for (let choice = 0; choice < script.choices; choice += 1) {
    const whole = wholeText(script, choice);
    const text = textOf(events, choice);
    expect(whole.startsWith(text), `${text} is no beginning of ${whole}`).toBe(true);
    const ends = events.filter((event) => event.type === "finished" && event.choice === choice);
    expect(ends.length).toBeLessThanOrEqual(1);
    if (ends.length === 1 || isWhole) {
      expect(text).toBe(whole);
      const count = Math.min(script.tokens, script.maxTokens ?? script.tokens);
      expect(ends).toMatchObject([{ completionTokens: count, reason: count === script.tokens ? "stop" : "length" }]);
    }
  }
}
