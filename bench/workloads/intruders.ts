import { createWriter } from "../load/text.ts";
import { startServer } from "../peers/server.ts";
import { sluiceLauncher } from "../peers/sluice.ts";
import { figuresOf, type Observation, tabulate } from "./intruders/judge.ts";
import { type Intruder, makeIntruders } from "./intruders/kinds.ts";
import { observe } from "./intruders/measure.ts";
import { openSession } from "./session.ts";
import type { Bench, Workload } from "./workload.ts";

/** Holds 6,400 tokens, and a stream that doesn't end during the measurement. */
const SERVERS = { slots: 4, contextTokens: 8192 };
const WINDOW_MS = 8_000;
const QUICK_WINDOW_MS = 3_000;

/** The effect of one hostile client on two others. */
export const intruders: Workload = {
  name: "intruders",
  title:
    "Beside each of the intruders, one after the other, 200 calls of /health a second and one stream of another client, for 8 s (3 in the quick run), " +
    "after as long without it; a server of its own for each.",
  notes: [
    "Requests of an intruder come one after the other as long as it is watched, unless its name says otherwise. " +
      "`none`: no answer by then, or the connection was ended",
    "A stream's worst gap is to its last text or to the end of the watch; `never`: it was broken off, or no answer came",
    "The intruder sends from a thread of its own, on the same processors",
  ],
  needsPeer: false,
  rounds: { full: 1, quick: 1 },
  quickOnlyNamed: true,
  entries: (bench) => [
    {
      name: "sluice",
      open: async () => {
        const chosen = choose(bench);
        return {
          warmUp: async () => {},
          measure: async () => {
            const observations: Observation[] = [];
            for (const intruder of chosen) {
              bench.say(`${intruder.name}: ${intruder.title}`);
              observations.push(await observeAlone(intruder, bench));
            }
            return { figures: figuresOf(observations), details: tabulate(observations) };
          },
          close: async () => ({}),
        };
      },
    },
  ],
};

/** The requested intruders. Throws for an unknown name. */
function choose({ shared, lexicon, only, runSeed }: Bench): readonly Intruder[] {
  const writer = createWriter(lexicon, runSeed);
  const all = makeIntruders({ model: shared.modelId, passage: (tokens) => writer.passage(tokens) });
  const unknown = only.filter((name) => all.every((intruder) => intruder.name !== name));
  if (unknown.length > 0) {
    throw new Error(`--only: there is no ${unknown.join(", ")}; there are ${all.map(({ name }) => name).join(", ")}`);
  }
  return only.length === 0 ? all : all.filter(({ name }) => only.includes(name));
}

/** On a server of its own, which may not live through it. */
async function observeAlone(intruder: Intruder, bench: Bench): Promise<Observation> {
  const server = await startServer(sluiceLauncher(bench.shared, SERVERS), bench.signal);
  try {
    const session = await openSession(server, bench, "intruders");
    return await observe(session, intruder, bench.quick ? QUICK_WINDOW_MS : WINDOW_MS);
  } finally {
    await server.stop();
  }
}
