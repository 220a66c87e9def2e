/**
 * `npm run chaos`: three gateways and two engines, each on a machine of its own (a network namespace), under a steady load, while processes are
 * killed and the network between them breaks. Ends with 1 if a request failed that needn't. Needs root and iproute2.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { stringify } from "yaml";
import { ask, type Outcome } from "./chaos/client.ts";
import { createNetwork, type Machine } from "./chaos/network.ts";

const WORKERS = 12;
const TOKENS = 20;
const EXPECTED = Array.from({ length: TOKENS }, (_, index) => `${index} `).join("");
const PORT = 8_080;

type Phase = {
  readonly name: string;
  readonly run: () => Promise<void>;
  /** What may happen to a request meanwhile. */
  readonly mayBe?: (outcome: Outcome) => boolean;
};

const root = resolve(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "sluice-chaos-"));
const network = createNetwork(["g1", "g2", "g3", "e1", "e2"]);
const [g1, g2, g3, e1, e2] = network.machines as readonly [Machine, Machine, Machine, Machine, Machine];
const gateways = [g1, g2, g3];
const processes = new Map<string, ChildProcess>();
/** How often each request was answered to its end by an engine. */
const worked = new Map<string, number>();
const ready = new Set<string>();
const urlOf = ({ address }: Machine) => `http://${address}:${PORT}`;

function start(machine: Machine, args: readonly string[]): void {
  const [program, all] = network.on(machine, process.execPath, ...args);
  const child = spawn(program, all, { cwd: folder, stdio: ["ignore", "pipe", "ignore"] });
  processes.set(machine.name, child);
  if (machine !== e1 && machine !== e2) {
    child.stdout?.resume();
    return;
  }
  createInterface({ input: child.stdout }).on("line", (id) => worked.set(id, (worked.get(id) ?? 0) + 1));
}

function startEngine(machine: Machine): void {
  start(machine, [join(root, "scripts/chaos/engine.ts")]);
}

function startGateway(machine: Machine): void {
  const engine = ({ address }: Machine, own: string) => ({
    ...{ kind: "vllm", baseUrl: `http://${address}:8000`, models: { [own]: "m" } },
    timeouts: { connectMs: 500, firstByteMs: 2_000, betweenEventsMs: 1_000 },
  });
  const settings = {
    ...{ host: "0.0.0.0", port: PORT, insecure: true, allowedHosts: ["*"], logLevel: "silent", cacheBytes: 0 },
    ...{ stateFile: ":memory:", warmPresets: false, drainDelayMs: 1_500, shutdownGraceMs: 5_000 },
    promptsDir: join(root, "prompts"),
    upstreams: { e1: engine(e1, "one"), e2: engine(e2, "two") },
    routes: {
      chat: {
        targets: [
          { model: "one", weight: 1 },
          { model: "two", weight: 1 },
        ],
        continue: true,
      },
    },
  };
  const file = join(folder, `${machine.name}.yaml`);
  writeFileSync(file, stringify(settings));
  start(machine, [join(root, "src/main.ts"), "serve", "--config", file]);
}

/** `ip netns exec` becomes the program itself. */
function kill(machine: Machine, signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): void {
  processes.get(machine.name)?.kill(signal);
}

async function watchReadiness(stopped: AbortSignal): Promise<void> {
  while (!stopped.aborted) {
    await Promise.all(
      gateways.map(async (machine) => {
        const isReady = await fetch(`${urlOf(machine)}/ready`, { signal: AbortSignal.timeout(400) }).then(
          ({ ok }) => ok,
          () => false,
        );
        if (isReady) ready.add(urlOf(machine));
        else ready.delete(urlOf(machine));
      }),
    );
    await setTimeout(200);
  }
}

async function untilReady(count: number): Promise<void> {
  for (let waitedMs = 0; ready.size !== count; waitedMs += 100) {
    if (waitedMs > 20_000) throw new Error(`${ready.size} of ${count} gateways are ready.`);
    await setTimeout(100);
  }
}

const phases: readonly Phase[] = [
  { name: "nothing happens", run: () => setTimeout(2_000) },
  {
    name: "kill -9 of an engine, back after 3 s",
    async run() {
      kill(e1);
      await setTimeout(3_000);
      startEngine(e1);
      await setTimeout(2_000);
    },
  },
  {
    name: "no way between a gateway and an engine for 4 s",
    async run() {
      network.connect(g2, e1, false);
      await setTimeout(4_000);
      network.connect(g2, e1, true);
      await setTimeout(1_000);
    },
  },
  {
    name: "an engine's cable out for 100 of each 500 ms",
    async run() {
      for (let turn = 0; turn < 8; turn += 1) {
        network.plug(e2, false);
        await setTimeout(100);
        network.plug(e2, true);
        await setTimeout(400);
      }
    },
  },
  {
    name: "kill -9 of a gateway, back after 2 s",
    async run() {
      kill(g3);
      await setTimeout(2_000);
      startGateway(g3);
      await untilReady(3);
    },
    // Its streams end with it.
    mayBe: (outcome) => outcome.type === "broken" && outcome.gateway === urlOf(g3),
  },
  {
    name: "SIGTERM of a gateway, and another one in its place",
    async run() {
      const ended = new Promise((done) => processes.get(g1.name)?.once("exit", done));
      kill(g1, "SIGTERM");
      await ended;
      startGateway(g1);
      await untilReady(3);
    },
  },
  {
    name: "kill -9 of both engines, back after 1 s",
    async run() {
      for (const engine of [e1, e2]) kill(engine);
      await setTimeout(1_000);
      for (const engine of [e1, e2]) startEngine(engine);
      await setTimeout(3_000);
    },
    // Nothing can answer.
    mayBe: (outcome) => outcome.type === "refused" || outcome.type === "wrong",
  },
];

async function main(): Promise<boolean> {
  for (const engine of [e1, e2]) startEngine(engine);
  for (const gateway of gateways) startGateway(gateway);
  const stopping = new AbortController();
  const watching = watchReadiness(stopping.signal);
  await untilReady(3);
  let phase = phases[0];
  let asked = 0;
  let isOver = false;
  const told = new Map<string, { outcomes: Outcome[]; needless: Outcome[] }>();
  const answered = new Set<string>();

  async function work(): Promise<void> {
    while (!isOver) {
      const id = `request ${asked++}`;
      const began = phase;
      const all = [...ready];
      const first = asked % Math.max(1, all.length);
      const outcome = await ask(id, [...all.slice(first), ...all.slice(0, first)], EXPECTED);
      if (outcome.type === "answered") answered.add(id);
      const at = told.get(began?.name ?? "") ?? { outcomes: [], needless: [] };
      told.set(began?.name ?? "", at);
      at.outcomes.push(outcome);
      // It may have met what came next.
      const isExcused = [began, phase].some((one) => one?.mayBe?.(outcome) === true);
      if (outcome.type !== "answered" && !isExcused) at.needless.push(outcome);
      if (outcome.type === "refused") await setTimeout(100);
    }
  }

  const workers = Array.from({ length: WORKERS }, work);
  for (const each of phases) {
    phase = each;
    await each.run();
  }
  isOver = true;
  await Promise.all(workers);
  stopping.abort();
  await watching;

  let isWell = true;
  for (const { name } of phases) {
    const { outcomes = [], needless = [] } = told.get(name) ?? {};
    const count = (wanted: (outcome: Outcome) => boolean) => outcomes.filter(wanted).length;
    const slowest = outcomes.reduce((most, { ms }) => Math.max(most, ms), 0);
    process.stdout.write(
      `${name}: ${outcomes.length} requests, ${count(({ type }) => type === "answered")} answered, ` +
        `${count((outcome) => outcome.type === "answered" && outcome.tries > 1)} of them by a second gateway, ` +
        `${outcomes.length - count(({ type }) => type === "answered") - needless.length} failed as they must, ${needless.length} needlessly; slowest ${slowest} ms\n`,
    );
    for (const outcome of needless.slice(0, 5)) process.stdout.write(`  ${JSON.stringify(outcome)}\n`);
    isWell &&= needless.length === 0;
  }
  const twice = [...worked].filter(([id, times]) => times > 1 && answered.has(id)).length;
  process.stdout.write(
    `${answered.size} answers, each whole and once; for ${twice} of them both engines worked to the end\n`,
  );
  return isWell;
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} finally {
  for (const child of processes.values()) child.kill("SIGKILL");
  network.remove();
  rmSync(folder, { recursive: true });
}
