/** `npm run bench`: measures Sluice and its peer side by side, and reports. See `docs/decisions/008-benchmark.md`. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ensureModel, loadCatalogue, resolveModel } from "../src/models/index.ts";
import { type Args, readArgs } from "./args.ts";
import { keepSingleTokens, LEXICON } from "./load/text.ts";
import { describeMachine } from "./machine.ts";
import { buildLlamaServer } from "./peers/build.ts";
import { findGateways, NO_GATEWAYS } from "./peers/gateways.ts";
import { readVocabulary } from "./peers/vocabulary.ts";
import { limitsOf } from "./plan.ts";
import { formatTargets, formatWorkload } from "./report/table.ts";
import { writeReport } from "./report/write.ts";
import { runWorkload, type WorkloadResult } from "./run.ts";
import { WORKLOADS } from "./workloads/index.ts";
import type { Bench, Workload } from "./workloads/workload.ts";

const args = readArgs(process.argv.slice(2), WORKLOADS);
const interruption = new AbortController();
const SAME_SIGNAL_MS = 500;
let interruptedMs = Number.NEGATIVE_INFINITY;
for (const [signalName, exitCode] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.on(signalName, () => {
    const againMs = performance.now() - interruptedMs;
    // npm passes Ctrl+C on to a child that the terminal has sent it to already.
    if (againMs < SAME_SIGNAL_MS) return;
    if (interruption.signal.aborted) process.exit(exitCode);
    interruptedMs = performance.now();
    process.exitCode = exitCode;
    say(`${signalName}: stopping what was started; again to end at once`);
    interruption.abort(new Error("it was interrupted"));
  });
}

const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
try {
  await bench(args, interruption.signal);
} catch (error) {
  process.exitCode ||= 1;
  console.error(error instanceof Error ? error.message : error);
}
// Idle connections and timers of what was given up must not keep the program from ending.
process.exit();

async function bench(args: Args, signal: AbortSignal): Promise<void> {
  const startedMs = performance.now();
  const startedAt = new Date().toISOString();
  const machine = describeMachine();
  const workloads = WORKLOADS.filter(({ name, quickOnlyNamed = false }) =>
    args.workloads.length === 0 ? !(args.quick && quickOnlyNamed) : args.workloads.includes(name),
  );
  const prepared = await prepare(args, workloads, signal);

  const results: WorkloadResult[] = [];
  for (const [index, workload] of workloads.entries()) {
    if (signal.aborted) break;
    const limits = limitsOf(workload, args, {
      leftWorkloads: workloads.length - index,
      elapsedMs: performance.now() - startedMs,
    });
    const deadline = AbortSignal.timeout(Math.ceil(limits.hardLimitMs));
    const tell = (progress: string) => say(`${workload.name}: ${progress}`);
    const bench = { ...prepared, say: tell, signal: AbortSignal.any([signal, deadline]) };
    const result = await runWorkload(workload, bench, limits, tell);
    results.push(result);
    process.stdout.write(`\n${formatWorkload(result)}`);
  }
  if (results.some(({ error }) => error !== undefined)) process.exitCode ||= 1;
  const out = resolve(args.out);
  await writeReport(out, {
    startedAt,
    machine,
    args,
    modelPath: prepared.shared.modelPath,
    runSeed: prepared.runSeed,
    results,
  });
  process.stdout.write(`\n${formatTargets(results)}`);
  process.stdout.write(`\n${((performance.now() - startedMs) / 1000).toFixed(0)} s in all. Results: ${out}\n`);
}

/** Gets the model and the peer, and reads the vocabulary. */
async function prepare(
  args: Args,
  workloads: readonly Workload[],
  signal: AbortSignal,
): Promise<Omit<Bench, "signal" | "say">> {
  const reference = resolveModel(args.model, await loadCatalogue());
  say(`model: ${reference.id}`);
  const model = await ensureModel(reference, { modelsDir: join(import.meta.dirname, "../models"), signal });
  const peer = workloads.some(({ needsPeer }) => needsPeer) ? await findPeer(args, signal) : undefined;
  const words = [...Object.values(LEXICON).flat()];
  const needsGateways = args.peer && workloads.some((workload) => workload.needsGateways === true);
  const gateways = needsGateways ? await findGateways({ portkey: args.portkey, signal, say }) : NO_GATEWAYS;
  const { endTokens, singleTokenWords } = await readVocabulary({ modelPath: model.path, words }, signal);
  const known = new Set(singleTokenWords);
  return {
    shared: {
      modelPath: model.path,
      modelId: resolveModel(model.path, await loadCatalogue()).id,
      threads: args.threads,
      gpu: args.gpu,
      logFile: (name) => join(folder, `${name}.log`),
    },
    peer,
    gateways,
    quick: args.quick,
    only: args.only,
    runSeed: Date.now() % 2 ** 32,
    lexicon: keepSingleTokens(LEXICON, (word) => known.has(word)),
    endTokens,
  };
}

async function findPeer({ peer, peerUrl, llamaServer, gpu }: Args, signal: AbortSignal): Promise<Bench["peer"]> {
  if (!peer) return undefined;
  if (peerUrl !== undefined) return { type: "url", url: peerUrl };
  if (llamaServer === undefined) return { type: "binary", path: await buildLlamaServer({ gpu, signal, say }) };
  const path = resolve(llamaServer);
  if (!existsSync(path)) throw new Error(`--llama-server: there is no ${path}`);
  return { type: "binary", path };
}

function say(progress: string): void {
  process.stderr.write(`[bench] ${progress}\n`);
}
