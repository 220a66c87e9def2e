import { httpEntries } from "./http.ts";
import { type Calibration, calibrate } from "./overload/calibrate.ts";
import { SECRETS, writeKeysFile } from "./overload/keys.ts";
import { measureOverload } from "./overload/measure.ts";
import { FULL_SIZE, QUICK_SIZE, SLOTS, STANDARD_TTFT_MS } from "./overload/size.ts";
import type { Session } from "./session.ts";
import type { Workload } from "./workload.ts";

/** Four times the servers' capacity, from a greedy key and a polite one. */
export const overload: Workload = {
  name: "overload",
  title:
    "4 slots are offered four times the requests that the slower of the servers can answer, for a minute (10 s in the quick run), nearly all by " +
    "a greedy key, and now and then one by a polite key; then 1,000 in one second (200). Prompts of 60 tokens, 64 new ones.",
  notes: [
    `Goodput is of answers that ended while the load lasted, whose first text came within ${STANDARD_TTFT_MS / 1000} s of the request that was let in and whose own ` +
      "ITL p95 is under twice that with all slots busy and nobody waiting, of the server where it is larger. Against one stream alone, answers that share " +
      "the machine with three others' prompts fail without any overload; that figure is told too",
    "Greedy clients come by a Poisson process that knows nothing of answers, polite ones one after the other, the same for both servers, each over a connection of its own. They leave after 30 s " +
      "(12 in the quick run); who is refused comes back once, at exactly the time that it was told, where 5 s of that are left by then",
    "TTFT is that of clients who were not refused; one that gave up before its first text counts with the time that it had waited",
    "All clients send `sluice-max-wait-ms: 5000`, which llama-server doesn't know, and it has no keys that share it fairly",
    "RSS growth is from before the load until the last client of the spike has gone",
  ],
  needsPeer: true,
  rounds: { full: 1, quick: 1 },
  quickOnlyNamed: true,
  entries(bench) {
    const size = bench.quick ? QUICK_SIZE : FULL_SIZE;
    const keysFile = bench.shared.logFile("keys");
    writeKeysFile(keysFile);
    const calibrations = new Map<Session, Calibration>();
    return httpEntries(
      {
        name: "overload",
        servers: { slots: SLOTS, contextTokens: 1024 },
        sluice: { env: { SLUICE_KEYS_FILE: keysFile }, apiKey: SECRETS.polite },
        warmUp: async (session) => void calibrations.set(session, await calibrate(session, size)),
        async measure(session, round) {
          const own = calibrations.get(session);
          if (own === undefined) throw new Error("the server was not measured without load");
          const all = [...calibrations.values()];
          return { figures: await measureOverload(session, { own, all, size, seed: bench.runSeed + round }) };
        },
      },
      bench,
    );
  },
};
