import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { WaitNews } from "../../src/generation/news.ts";
import { createHeldPrompts } from "../../src/queue/held-prompts.ts";
import { type Piece, piecesOf } from "../../src/queue/prompt-pieces.ts";
import { createModelQueue } from "../../src/queue/queue.ts";
import { createReplicaQueue } from "../../src/queue/replica-queue.ts";
import type { JobHandle } from "../../src/queue/task.ts";
import { createFakeClock } from "../fake-clock.ts";

const PREFILL_MS = 1;
const TOKEN_MS = 10;

type Asked = { readonly prompt: string; readonly tokens: number; readonly tenant?: string; readonly choices?: number };

type Client = {
  /** The replicas that gave it a turn. */
  readonly places: number[];
  readonly news: WaitNews[];
  readonly sentMs: number;
  turnMs: number | undefined;
  endMs: number | undefined;
  refusal: unknown;
  hasLeft: boolean;
  leave: () => void;
};

/** Replicas whose engines evaluate a token of a prompt in a millisecond, and write one in ten. */
function createBench({ replicas = 2, slots = 2 } = {}) {
  const clock = createFakeClock();
  /** What runs at each. */
  const running = Array.from({ length: replicas }, () => new Set<Client>());
  const states = Array.from({ length: replicas }, () => ({ isDown: false, isAway: false, calls: 0, uses: 0 }));
  const queue = createReplicaQueue(
    clock,
    states.map((state) => ({
      queue: createModelQueue({
        ...{ clock, slots, minSlots: slots, targetItlMs: 250 },
        absence: {
          isAway: () => state.isAway || state.isDown,
          readyInMs: () => (state.isAway ? 5_000 : 0),
          isPredictable: () => true,
          call() {
            state.calls += 1;
          },
        },
      }),
      isDown: () => state.isDown,
      isAway: () => state.isAway,
      held: createHeldPrompts(100_000),
      use() {
        state.uses += 1;
        return () => {
          state.uses -= 1;
        };
      },
    })),
  );
  /** What each has really evaluated. */
  const evaluated = states.map(() => new Set<string>());

  function send({ prompt, tokens, tenant = "a", choices = 1 }: Asked): Client {
    const pieces: readonly Piece[] = piecesOf({ prompt: { type: "text", text: prompt } });
    const client: Client = {
      ...{ places: [], news: [], sentMs: clock.now(), turnMs: undefined, endMs: undefined, refusal: undefined },
      hasLeft: false,
      leave: () => end(),
    };
    let handle: JobHandle | undefined;
    let cancel = () => {};
    let isOver = false;
    function end(): void {
      if (isOver) return;
      isOver = true;
      client.hasLeft = true;
      cancel();
      for (const each of running) each.delete(client);
      handle?.leave();
    }
    function begin(): void {
      const at = client.places.at(-1) ?? 0;
      const known = evaluated[at] ?? new Set();
      const cached = pieces.filter(({ name }) => known.has(name)).reduce((sum, { chars }) => sum + chars, 0);
      for (const { name } of pieces) known.add(name);
      cancel = clock.after(Math.max(1, (prompt.length - cached) * PREFILL_MS), () => {
        handle?.started({ promptTokens: prompt.length, cachedTokens: cached });
        handle?.text(undefined);
        let said = 1;
        const speak = () => {
          if (said >= tokens) {
            client.endMs = clock.now();
            for (let choice = 0; choice < choices; choice += 1) handle?.choiceEnded(tokens);
            end();
            return;
          }
          said += 1;
          handle?.text(TOKEN_MS);
          cancel = clock.after(TOKEN_MS, speak);
        };
        cancel = clock.after(TOKEN_MS, speak);
      });
    }
    handle = queue.arrive({
      ...{ tenant, priority: "default", choices, maxTokens: tokens, pieces: () => pieces },
      size: { type: "tokens", count: prompt.length },
      onTurn(place = -1) {
        client.places.push(place);
        client.turnMs = clock.now();
        running[place]?.add(client);
        if (handle !== undefined) begin();
      },
      onRefused(error) {
        client.refusal = error;
      },
      onWait: (each) => void client.news.push(each),
    });
    if (client.turnMs !== undefined) begin();
    return client;
  }
  return { clock, queue, states, running, send };
}

/** A prompt of so many tokens that begins like all others of this name. */
const promptOf = (name: string, length = 2_000) => name.repeat(Math.ceil(length / name.length)).slice(0, length);

describe("the replicas of a model", () => {
  it("share requests that have nothing in common", () => {
    const { send } = createBench();
    const clients = ["one ", "two ", "three ", "four "].map((name) => send({ prompt: promptOf(name), tokens: 100 }));
    expect(clients.map(({ places }) => places[0]).toSorted()).toEqual([0, 0, 1, 1]);
  });

  it("keep a conversation where it was, also when the other one is less busy", () => {
    const { send, clock } = createBench();
    const first = send({ prompt: promptOf("talk "), tokens: 10 });
    clock.advance(10_000);
    const [place = -1] = first.places;
    send({ prompt: promptOf("talk "), tokens: 500 });
    clock.advance(1_000);
    expect(send({ prompt: promptOf("talk ", 2_100), tokens: 10 }).places).toEqual([place]);
  });

  it("let a conversation go on elsewhere if its replica is busy for longer than evaluating it again takes", () => {
    const { send, clock } = createBench({ slots: 1 });
    const [place = -1] = send({ prompt: promptOf("talk "), tokens: 10 }).places;
    clock.advance(10_000);
    send({ prompt: promptOf("talk "), tokens: 5_000 });
    const moved = send({ prompt: promptOf("talk ", 2_100), tokens: 10 });
    // The answer in front of it is longer than usual, which shows with time.
    clock.advance(10_000);
    expect(moved.places).toEqual([1 - place]);
  });

  it("let a conversation wait for its replica if that is sooner, and give it its turn there", () => {
    const { send, clock } = createBench({ slots: 1 });
    const long = promptOf("a long talk ", 50_000);
    const [place = -1] = send({ prompt: long, tokens: 10 }).places;
    clock.advance(100_000);
    send({ prompt: long, tokens: 20 });
    const waits = send({ prompt: `${long} and more`, tokens: 10 });
    expect(waits.places).toEqual([]);
    clock.advance(60_000);
    expect(waits.places).toEqual([place]);
    expect((waits.turnMs ?? 0) - waits.sentMs).toBeLessThan(1_000);
  });

  it("take over what waits for a replica that dies, and go on without it", () => {
    const { send, states, queue, clock } = createBench({ slots: 1 });
    const clients = ["a ", "b ", "c ", "d "].map((name) => send({ prompt: promptOf(name), tokens: 50 }));
    const [dead] = states;
    if (dead === undefined) throw new Error("no replica");
    dead.isDown = true;
    queue.lookAt(0);
    clock.advance(60_000);
    // What ran there goes on when it is back: that is the engine's part.
    const others = clients.filter(({ places }) => places[0] !== 0);
    expect(others.map(({ places, endMs }) => [places, endMs !== undefined])).toEqual([
      [[1], true],
      [[1], true],
      [[1], true],
    ]);
    expect(send({ prompt: promptOf("e "), tokens: 1 }).places).toEqual([1]);
  });

  it("load a replica that is not in memory only when waiting for the other one takes longer", () => {
    const { send, states } = createBench({ slots: 1 });
    const [, away] = states;
    if (away === undefined) throw new Error("no replica");
    away.isAway = true;
    send({ prompt: "short", tokens: 100 });
    send({ prompt: "other", tokens: 100 });
    expect(away.calls).toBe(0);
    for (let each = 0; each < 20; each += 1) send({ prompt: promptOf(`${each} `), tokens: 100 });
    expect(away.calls).toBeGreaterThan(0);
  });

  it("refuse what waits for room in memory only if there is no other replica, and each once", () => {
    const { send, states, queue } = createBench({ slots: 1 });
    for (const state of states) state.isAway = true;
    const clients = Array.from({ length: 4 }, (_, each) => send({ prompt: promptOf(`${each} `), tokens: 10 }));
    const error = new Error("no room");
    queue.refuseAt(0, error);
    expect(clients.map(({ refusal }) => refusal)).toEqual([undefined, undefined, undefined, undefined]);
    for (const state of states) state.isDown = true;
    queue.refuseAt(1, error);
    expect(clients.map(({ refusal }) => refusal)).toEqual([error, error, error, error]);
    expect(queue.counts).toMatchObject({ waiting: 0, running: 0 });
    expect(states.map(({ uses }) => uses)).toEqual([0, 0]);
  });

  it("tell one that has moved how long it waited in all", () => {
    const { send, clock } = createBench({ slots: 1 });
    for (const name of ["a ", "b "]) send({ prompt: promptOf(name), tokens: name === "a " ? 1_000 : 100 });
    const moved = send({ prompt: promptOf("c "), tokens: 10 });
    clock.advance(120_000);
    expect(moved.news.at(-1)).toEqual({
      ...{ type: "admitted", position: 1 },
      waitedMs: (moved.turnMs ?? 0) - moved.sentMs,
    });
  });

  it("give each request one turn, run no more than their slots, leave none idle while others wait, and end empty", () => {
    const asked = fc.record({
      atMs: fc.nat(20_000),
      name: fc.constantFrom("a", "b", "c", "d", "e"),
      length: fc.integer({ min: 1, max: 4_000 }),
      tokens: fc.integer({ min: 1, max: 200 }),
      tenant: fc.constantFrom("x", "y"),
      leavesMs: fc.option(fc.nat(10_000), { nil: undefined }),
    });
    const death = fc.record({ atMs: fc.nat(20_000), replica: fc.nat(2), ms: fc.nat(5_000) });
    fc.assert(
      fc.property(
        ...([
          fc.integer({ min: 1, max: 3 }),
          fc.integer({ min: 1, max: 3 }),
          fc.array(asked, { maxLength: 30 }),
          fc.array(death, { maxLength: 3 }),
        ] as const),
        (replicas, slots, requests, deaths) => {
          const { clock, queue, states, running, send } = createBench({ replicas, slots });
          const clients: Client[] = [];
          for (const { atMs, name, length, tokens, tenant, leavesMs } of requests) {
            clock.after(atMs, () => {
              const client = send({ prompt: promptOf(`${name} `, length), tokens, tenant });
              clients.push(client);
              if (leavesMs !== undefined) clock.after(leavesMs, client.leave);
            });
          }
          for (const { atMs, replica, ms } of deaths) {
            const state = states[replica];
            if (state === undefined) continue;
            const set = (isDown: boolean) => () => {
              state.isDown = isDown;
              queue.lookAt(replica);
            };
            clock.after(atMs, set(true));
            clock.after(atMs + ms, set(false));
          }
          for (let second = 0; second < 400; second += 1) {
            clock.advance(250);
            const { counts } = queue;
            expect(counts.sequences).toBe(running.reduce((sum, { size }) => sum + size, 0));
            for (const each of running) expect(each.size).toBeLessThanOrEqual(slots);
            // One waits for its own replica only if that is sooner: never for longer than its prompt takes elsewhere.
            const isIdle = states.some(({ isDown }, at) => !isDown && running[at]?.size === 0);
            const waiting = clients.filter(({ turnMs, hasLeft }) => turnMs === undefined && !hasLeft);
            if (isIdle && deaths.length === 0) {
              for (const { sentMs } of waiting) expect(clock.now() - sentMs).toBeLessThan(60_000);
            }
          }
          clock.advance(600_000);
          for (const { places } of clients) expect(places.length).toBeLessThanOrEqual(1);
          for (const { places, endMs } of clients) expect(endMs === undefined || places.length === 1).toBe(true);
          expect(queue.counts).toMatchObject({ waiting: 0, running: 0, sequences: 0, waits: 0 });
          expect(states.map(({ uses }) => uses)).toEqual(states.map(() => 0));
        },
      ),
      { numRuns: 60 },
    );
  });
});
