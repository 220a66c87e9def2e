import { copyFile, link, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { z } from "zod";
import { ensureModel, loadCatalogue, resolveModel } from "../../src/models/index.ts";
import type { Reply } from "../load/client.ts";
import { createWriter, seedOf } from "../load/text.ts";
import { cachedShare, ttftFigures } from "../load/timing.ts";
import type { ProcessSpec } from "../peers/process.ts";
import { type Server, type ServerLauncher, startServer } from "../peers/server.ts";
import { sluiceLauncher } from "../peers/sluice.ts";
import type { Bench, Contestant, ContestantName, Entry, Workload } from "./workload.ts";

const SERVERS = { slots: 2, contextTokens: 4096 };
/** The other model, which doesn't fit into the memory beside the one that the benchmark is run with. */
const OTHER = "gemma-3-270m";
/** Holds either of the two. */
const MEMORY = "750MiB";
const FIRST_TOKENS = 1_000;
/** Of the conversations that are not measured. */
const WARM_UP_TOKENS = 50;
const NEXT_TOKENS = 60;
const ANSWER_TOKENS = 24;
const TURNS = { full: 4, quick: 2 };

/** Two models in turns, each with a conversation that grows. */
export const swap: Workload = {
  name: "swap",
  title:
    `Two conversations of ${TURNS.full} turns each (${TURNS.quick} in the quick run), one with each of two models that don't fit into the memory ` +
    `together, take turns: each begins with a text of ${FIRST_TOKENS} tokens, and goes on with ${NEXT_TOKENS} more after each answer of ${ANSWER_TOKENS}. ` +
    "So each request has its model loaded. The first turns, in which there is nothing to reuse, are not counted.",
  notes: [
    `The other model is ${OTHER}. Sluice may take ${MEMORY} for models; llama-server's router may hold one (\`--models-max 1\`).`,
  ],
  needsPeer: true,
  rounds: { full: 3, quick: 1 },
  entries(bench) {
    const { peer } = bench;
    const entries = [
      entry("sluice", bench, (folder) => launchSluice(bench, folder, true)),
      entry("sluice, nothing kept", bench, (folder) => launchSluice(bench, folder, false)),
    ];
    if (peer?.type !== "binary") return entries;
    return [...entries, entry("llama-server", bench, (folder) => launchRouter(bench, peer.path, folder))];
  },
};

function entry(name: ContestantName, bench: Bench, launch: (folder: string) => Promise<ServerLauncher>): Entry {
  return {
    name,
    async open(): Promise<Contestant> {
      const folder = await mkdtemp(join(tmpdir(), "sluice-swap-"));
      const server = await startServer(await launch(folder), bench.signal);
      const ids = await modelIds(server.url);
      return {
        // The first loads read from the disk what all others find in memory.
        warmUp: async () => void (await converse(server, ids, bench, { round: -1, turns: 1, first: WARM_UP_TOKENS })),
        async measure(round) {
          const turns = bench.quick ? TURNS.quick : TURNS.full;
          const replies = await converse(server, ids, bench, { round, turns, first: FIRST_TOKENS });
          return { figures: { ...ttftFigures(replies), cachedTokens: cachedShare(replies) } };
        },
        async close() {
          await server.stop();
          await rm(folder, { recursive: true, force: true });
          return {};
        },
      };
    },
  };
}

/** What comes after the first turns. */
async function converse(
  server: Server,
  ids: readonly string[],
  { lexicon, runSeed, signal }: Bench,
  { round, turns, first }: Record<"round" | "turns" | "first", number>,
): Promise<readonly Reply[]> {
  const conversations = ids.map((model, index) => {
    const writer = createWriter(lexicon, seedOf(`${runSeed}/swap/${round}/${index}`));
    return { model, writer, prompt: writer.passage(first) };
  });
  const replies: Reply[] = [];
  for (let turn = 0; turn < turns; turn++) {
    for (const conversation of conversations) {
      const { model, writer, prompt } = conversation;
      const body = {
        ...{ model, prompt, max_tokens: ANSWER_TOKENS, temperature: 0, ignore_eos: true, stream: true },
        stream_options: { include_usage: true },
      };
      const reply = await server.client.stream("/v1/completions", body, { signal });
      if (turn > 0) replies.push(reply);
      conversation.prompt = `${prompt}${reply.text} ${writer.passage(NEXT_TOKENS)}`;
    }
  }
  return replies;
}

const listSchema = z.object({ data: z.array(z.object({ id: z.string() })) });

/** The models of the server, in the same order everywhere. */
async function modelIds(url: string): Promise<readonly string[]> {
  const { data } = listSchema.parse(await (await fetch(`${url}/v1/models`)).json());
  return data.map(({ id }) => id).sort();
}

async function otherPath({ signal }: Bench): Promise<string> {
  const reference = resolveModel(OTHER, await loadCatalogue());
  return (await ensureModel(reference, { modelsDir: join(import.meta.dirname, "../../models"), signal })).path;
}

async function launchSluice(bench: Bench, folder: string, keeps: boolean): Promise<ServerLauncher> {
  return sluiceLauncher(bench.shared, SERVERS, {
    args: [
      ...["--on-demand", await otherPath(bench), "--memory", MEMORY, "--no-list-presets"],
      ...["--state-file", join(folder, "state.db"), ...(keeps ? [] : ["--prefix-store-bytes", "0"])],
    ],
  });
}

async function launchRouter(bench: Bench, binary: string, folder: string): Promise<ServerLauncher> {
  const { shared } = bench;
  for (const path of [shared.modelPath, await otherPath(bench)]) await linkOrCopy(path, join(folder, basename(path)));
  const { slots, contextTokens } = SERVERS;
  const device = shared.gpu === "off" ? ["--device", "none"] : [];
  return {
    readyPath: "/health",
    command: (port): ProcessSpec => ({
      command: binary,
      args: [
        ...["--models-dir", folder, "--models-max", "1", "--host", "127.0.0.1", "--port", String(port), "--offline"],
        ...["--threads", String(shared.threads), "--parallel", String(slots)],
        ...["--ctx-size", String(slots * contextTokens), ...device],
      ],
      logFile: shared.logFile("llama-server"),
    }),
  };
}

/** The folder may be on another disk. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to));
}
