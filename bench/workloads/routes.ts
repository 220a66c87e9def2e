import { DEADLINE_MS, measureChoice, type SpillPolicy, simulateSpill } from "../simulation/spill.ts";
import type { Contestant, Workload } from "./workload.ts";

const POLICIES: readonly (readonly [string, SpillPolicy])[] = [
  ...[500, 1_000, 1_500].map(
    (afterMs) => [`predicted first token after ${afterMs} ms`, { type: "predicted", afterMs }] as const,
  ),
  ...[0, 2, 4, 8, 16, 32].map((waiting) => [`more than ${waiting} waiting`, { type: "count", waiting }] as const),
  ["every second request", { type: "roundRobin" }],
];

/** Chats, and documents that are asked about: a count that suits one doesn't suit the other. */
const CHATS = { promptTokens: 200, outputTokens: 100 };
const DOCUMENTS = { promptTokens: 3_000, outputTokens: 400 };

/** Routes with a simulated engine and upstream, without sockets or a model. */
export const routes: Workload = {
  name: "routes",
  title:
    "A route's choice: its CPU time, and spilling in a simulation of one engine of 8 slots that is sent twice what it can do, in front of an " +
    "upstream with its first token after 0.8 s. 50,000 requests of each mix, 5,000 in the quick run.",
  notes: [
    `In time is a first token within ${DEADLINE_MS} ms. The cost is that of 1,000 requests, where a million tokens of the upstream cost 1. Chats have ${CHATS.promptTokens} + ${CHATS.outputTokens} tokens on average, documents ${DOCUMENTS.promptTokens} + ${DOCUMENTS.outputTokens}, half of them less than 0.37 of that.`,
  ],
  needsPeer: false,
  rounds: { full: 1, quick: 1 },
  entries: ({ quick }) => [{ name: "sluice", open: async () => contestant(quick) }],
};

function contestant(quick: boolean): Contestant {
  return {
    warmUp: async () => void measureChoice(8, 20_000),
    async measure(round) {
      const requests = quick ? 5_000 : 50_000;
      const rows = POLICIES.map(([name, policy]) => [
        name,
        ...[CHATS, DOCUMENTS].flatMap((mix) => {
          const { inTime, spilled, costMicros } = simulateSpill(policy, mix, requests, round + 1);
          return [(100 * inTime).toFixed(1), (100 * spilled).toFixed(1), (costMicros / 1_000).toFixed(2)];
        }),
      ]);
      const columns = ["in time, %", "spilled, %", "cost"];
      return {
        figures: { decisionUs: measureChoice(8, 50_000), largeDecisionUs: measureChoice(32, 20_000) },
        details: {
          head: [
            "spilled by",
            ...columns.map((name) => `chats ${name}`),
            ...columns.map((name) => `documents ${name}`),
          ],
          rows,
        },
      };
    },
    close: async () => ({}),
  };
}
