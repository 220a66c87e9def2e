import { rmSync } from "node:fs";
import { startServer } from "../peers/server.ts";
import { sluiceLauncher } from "../peers/sluice.ts";
import { readProbe } from "../peers/worker-probe-file.ts";
import { quantile } from "../statistics.ts";
import { type ChatRequest, openSession, type Session } from "./session.ts";
import type { Bench, Contestant, Workload } from "./workload.ts";

const SERVERS = { slots: 4, contextTokens: 4096 };
const NEW_TOKENS = 16;

/** What stands between a client and the engine: HTTP both ways, checks, queue, the pipe to the engine's process, encoding. */
export const overhead: Workload = {
  name: "overhead",
  title:
    "200 short streamed requests one after the other (50 in the quick run): what the client waited in all, less the engine's own time " +
    "from taking the request off the pipe to sending its last token.",
  notes: [
    "overhead counts everything outside the engine's process against the gateway, the load generator's own HTTP client too.",
  ],
  needsPeer: false,
  entries: (bench) => [{ name: "sluice", open: () => openContestant(bench) }],
};

async function openContestant(bench: Bench): Promise<Contestant> {
  const probeFile = bench.shared.logFile("overhead");
  rmSync(probeFile, { force: true });
  const probe = new URL("../peers/worker-probe.ts", import.meta.url).href;
  const env = {
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ""} --import ${probe}`.trim(),
    BENCH_PROBE_FILE: probeFile,
  };
  const server = await startServer(sluiceLauncher(bench.shared, SERVERS, env), bench.signal);
  const session = await openSession(server, bench, "overhead").catch(async (error: unknown) => {
    await server.stop();
    throw error;
  });
  // Drawn at random, the whole prompt may come from the cache, so that the engine's part is short.
  const request = { ...session.prompt(session.writer(0), 76, NEW_TOKENS), temperature: 1 };
  return {
    warmUp: async () => void (await addedMs(session, request, probeFile, 20)),
    async measure() {
      const added = await addedMs(session, request, probeFile, session.quick ? 50 : 200);
      return { figures: { addedP50Ms: quantile(added, 0.5), addedP99Ms: quantile(added, 0.99) } };
    },
    async close() {
      await server.stop();
      return {};
    },
  };
}

/** What the gateway added to each of `count` requests, in ms. */
async function addedMs(
  session: Session,
  request: ChatRequest,
  probeFile: string,
  count: number,
): Promise<readonly number[]> {
  const alreadyThere = readProbe(probeFile).length;
  const waitedMs: number[] = [];
  for (let index = 0; index < count; index++) {
    const { startedMs, endedMs } = await session.chat(request);
    waitedMs.push(endedMs - startedMs);
  }
  const engineMs = readProbe(probeFile).slice(alreadyThere);
  if (engineMs.length !== count) {
    throw new Error(`the probe in the engine saw ${engineMs.length} requests where ${count} were sent`);
  }
  return waitedMs.map((ms, index) => ms - (engineMs[index] ?? Number.NaN));
}
