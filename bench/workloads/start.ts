import { llamaServerLauncher } from "../peers/llama-server.ts";
import { launchServer, type ServerLauncher, sleep } from "../peers/server.ts";
import { sluiceLauncher } from "../peers/sluice.ts";
import type { Bench, Contestant, Entry, Workload } from "./workload.ts";

const SERVERS = { slots: 4, contextTokens: 4096 };
/** How often a request is tried that finds no server yet, or one that is still loading. */
const RETRY_MS = 10;

/** From the start of the program to the first token that it serves. */
export const start: Workload = {
  name: "start",
  title:
    "From starting the program until the first token of a short request reaches the client, which asks every 10 ms until it is taken.",
  needsPeer: true,
  rounds: { full: 7, quick: 1 },
  entries(bench) {
    const { shared, peer } = bench;
    const sluice = entry("sluice", sluiceLauncher(shared, SERVERS), bench);
    if (peer?.type !== "binary") return [sluice];
    return [sluice, entry("llama-server", llamaServerLauncher(peer.path, shared, SERVERS), bench)];
  },
};

function entry(name: Entry["name"], launcher: ServerLauncher, bench: Bench): Entry {
  const measure = async (): Promise<number> => startOnce(launcher, bench);
  const contestant: Contestant = {
    // The first start reads from the disk what all others find in memory.
    warmUp: async () => void (await measure()),
    measure: async () => ({ figures: { startToFirstTokenMs: await measure() } }),
    close: async () => ({}),
  };
  return { name, open: async () => contestant };
}

async function startOnce(launcher: ServerLauncher, { shared, signal }: Bench): Promise<number> {
  const startedMs = performance.now();
  const server = await launchServer(launcher);
  try {
    return (await askUntilAnswered(server, shared.modelId, signal)) - startedMs;
  } finally {
    await server.stop();
  }
}

/** When the first text came. */
async function askUntilAnswered(
  server: Awaited<ReturnType<typeof launchServer>>,
  model: string,
  signal: AbortSignal,
): Promise<number> {
  const body = {
    model,
    messages: [{ role: "user", content: "Hello!" }],
    max_tokens: 4,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  };
  for (;;) {
    try {
      const { arrivalsMs } = await server.client.stream("/v1/chat/completions", body, { signal });
      return arrivalsMs[0] ?? Number.NaN;
    } catch (error) {
      if (signal.aborted || server.ended()) throw error;
      await sleep(RETRY_MS, signal);
    }
  }
}
