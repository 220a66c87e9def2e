import { measureCrowd } from "../simulation/crowd.ts";
import { measureUnfairness } from "../simulation/fairness.ts";
import { simulateLoad } from "../simulation/load.ts";
import { quantile } from "../statistics.ts";
import type { Contestant, Workload } from "./workload.ts";

const LOAD = { engines: 200, requestsPerSecond: 10_000 };
const CROWD = 100_000;

/** The queue with simulated engines and a simulated clock, without sockets or a model. */
export const queue: Workload = {
  name: "queue",
  title:
    "The queue's own code in a simulation of 10,000 requests a second to 200 engines of 8 slots, about twice what they can do, three quarters " +
    "of it from one tenant for each engine; who is sent away comes back once, when it was told to. 10 simulated seconds, 5 in the quick run.",
  notes: [
    "Waits are in simulated time, until the turn. The CPU for each decision is that of the whole simulation, its engines and clients included; " +
      "with 100,000 waiting it is that of a prediction, an arrival and an end with the next one's turn, a third each.",
  ],
  needsPeer: false,
  rounds: { full: 1, quick: 1 },
  entries: ({ quick }) => [{ name: "sluice", open: async () => contestant(quick) }],
};

function contestant(quick: boolean): Contestant {
  return {
    warmUp: async () => void measureCrowd(1_000, 5_000),
    async measure(round) {
      const load = simulateLoad({ ...LOAD, seconds: quick ? 5 : 10, seed: round + 1 });
      const { polite, greedy } = load.waitsMs;
      return {
        figures: {
          politeWaitP50Ms: quantile(polite, 0.5),
          politeWaitP95Ms: quantile(polite, 0.95),
          politeWaitP99Ms: quantile(polite, 0.99),
          greedyWaitP50Ms: quantile(greedy, 0.5),
          greedyWaitP95Ms: quantile(greedy, 0.95),
          greedyWaitP99Ms: quantile(greedy, 0.99),
          politeAdmitted: 100 * load.politeAdmitted,
          returnedAdmitted: 100 * load.returnedAdmitted,
          slotsBusy: 100 * load.slotsBusy,
          unfairness: 100 * measureUnfairness(),
          decisionUs: load.decisionUs,
          crowdedDecisionUs: measureCrowd(CROWD, CROWD),
        },
      };
    },
    close: async () => ({}),
  };
}
