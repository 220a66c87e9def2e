import { createClient } from "../load/client.ts";
import { llamaServerLauncher } from "../peers/llama-server.ts";
import { type Server, type ServerSettings, startServer } from "../peers/server.ts";
import { type SluiceOptions, sluiceLauncher } from "../peers/sluice.ts";
import { openSession, type Session } from "./session.ts";
import type { Bench, Contestant, Entry, RoundResult, Workload } from "./workload.ts";

export type HttpWorkload = HttpSides & { readonly title: string; readonly notes?: readonly string[] };

/** The requests of both servers, and how to start them. */
export type HttpSides = {
  readonly name: string;
  readonly servers: ServerSettings;
  /** How ours is started, besides what both get. */
  readonly sluice?: SluiceOptions;
  /** Whether the peer is measured with `-b 128 -ub 128` too. */
  readonly smallBatchesToo?: boolean;
  /** Besides what every session gets: a short answer on each slot, in the quick run on one. */
  readonly warmUp?: (session: Session) => Promise<void>;
  readonly measure: (session: Session, round: number) => Promise<RoundResult>;
};

const WARM_UP = { promptTokens: 40, maxTokens: 8 };

/** A workload that both servers do over HTTP. Each gets fresh servers, so that none finds what another left behind. */
export function httpWorkload(workload: HttpWorkload): Workload {
  return {
    name: workload.name,
    title: workload.title,
    ...(workload.notes && { notes: workload.notes }),
    needsPeer: true,
    entries: (bench) => httpEntries(workload, bench),
  };
}

/** Both sides of such a workload. */
export function httpEntries(workload: HttpSides, bench: Bench): readonly Entry[] {
  const { servers, sluice: options } = workload;
  const { shared, peer, signal } = bench;
  const entry = (name: Entry["name"], start: () => Promise<Server>): Entry => ({
    name,
    open: async () => openContestant(workload, await start(), bench),
  });

  const sluice = entry("sluice", () => startServer(sluiceLauncher(shared, servers, options), signal));
  if (peer === undefined) return [sluice];
  if (peer.type === "url") return [sluice, entry("llama-server", async () => foreignServer(peer.url))];
  const llamaServer = (args: readonly string[]) =>
    startServer(llamaServerLauncher(peer.path, shared, servers, args), signal);
  const entries = [sluice, entry("llama-server", () => llamaServer([]))];
  if (workload.smallBatchesToo !== true || bench.quick) return entries;
  return [...entries, entry("llama-server -b 128", () => llamaServer(["-b", "128", "-ub", "128"]))];
}

/** A server that the caller starts and stops. */
function foreignServer(url: string): Server {
  const client = createClient(url);
  const unknown = async () => undefined;
  return { url, client, rssMb: unknown, peakRssMb: unknown, stop: async () => client.close() };
}

async function openContestant(workload: HttpSides, server: Server, bench: Bench): Promise<Contestant> {
  const session = await openSession(server, bench, workload.name).catch(async (error: unknown) => {
    await server.stop();
    throw error;
  });
  return {
    async warmUp() {
      const writer = session.writer(-1, "warm-up");
      const count = bench.quick ? 1 : workload.servers.slots;
      const requests = Array.from({ length: count }, () =>
        session.prompt(writer, WARM_UP.promptTokens, WARM_UP.maxTokens),
      );
      await Promise.all(requests.map((request) => session.chat(request)));
      await workload.warmUp?.(session);
    },
    measure: (round) => workload.measure(session, round),
    async close() {
      const peakRssMb = await server.peakRssMb();
      await server.stop();
      return peakRssMb === undefined ? {} : { peakRssMb };
    },
  };
}
