import { type ClusterSize, type Knowledge, measureCluster, simulateCluster } from "../simulation/cluster.ts";
import type { Contestant, Workload } from "./workload.ts";

const KNOWLEDGE: readonly (readonly [string, Knowledge])[] = [
  ["sessions, bounded by reports with answers", "reports"],
  ["sessions, bounded by a gateway's own requests", "own"],
  ["sessions, bounded by exact loads", "exact"],
  ["sessions alone", "none"],
  ["any engine", "random"],
];

const WHOLE: ClusterSize = { gateways: 1_000, engines: 10_000, requests: 1_000_000, sessions: 100_000 };
/** A tenth of everything. */
const QUICK: ClusterSize = { gateways: 100, engines: 1_000, requests: 100_000, sessions: 10_000 };

/** A tenth of the engines with a hundredth of the gateways: what comes to one stays there. */
const CELL: ClusterSize = { ...QUICK, gateways: 10 };

/** The choice of targets in a cluster, without sockets or a model. */
export const cluster: Workload = {
  name: "cluster",
  title:
    "1,000 gateways with the real choice of targets in front of 10,000 simulated engines of 2 slots: a million requests in a minute, of 100,000 sessions of which some have many more than others; for a quarter of the time one engine in a hundred is down. A tenth of everything in the quick run.",
  notes: [
    "A prompt takes 40 ms if the engine holds its session's prefix, else 600 ms, and the answer 500 ms. An engine holds 64 prefixes. Imbalance is the busiest engine's requests ÷ the average's",
    "A gateway has no session for itself: each request comes to any of them. With 10,000 engines it meets the same one rarely, so most of what it knows of loads is old, as in a real cluster",
  ],
  needsPeer: false,
  rounds: { full: 1, quick: 1 },
  quickOnlyNamed: true,
  entries: ({ quick }) => [{ name: "sluice", open: async () => contestant(quick ? QUICK : WHOLE) }],
};

function contestant(size: ClusterSize): Contestant {
  return {
    warmUp: async () => void measureCluster(1_000, 20_000),
    async measure(round) {
      const simulations = [
        ...KNOWLEDGE.map(([name, knowledge]) => ({ name, knowledge, size })),
        { name: "the first, in a cell of 10 gateways and 1,000 engines", knowledge: "reports", size: CELL } as const,
      ];
      const rows = simulations.map(({ name, knowledge, size }) => {
        const result = simulateCluster(knowledge, size, round + 1);
        return [
          name,
          ...[result.p50Ms, result.p95Ms, result.p99Ms, result.downP99Ms].map((ms) => ms.toFixed(0)),
          (100 * result.hitShare).toFixed(1),
          result.imbalance.toFixed(2),
          (100 * result.retriedShare).toFixed(2),
          String(result.failed),
        ];
      });
      const sizes = [100, 1_000, 10_000].map((engines) => [
        `a choice among ${engines}`,
        `${measureCluster(engines, 50_000).toFixed(1)} µs`,
        ...Array.from({ length: 7 }, () => ""),
      ]);
      return {
        figures: { hugeDecisionUs: measureCluster(10_000, 100_000) },
        details: {
          head: [
            ...["targets by", "TTFT p50, ms", "p95, ms", "p99, ms", "p99 while engines are down, ms"],
            ...["prefix held, %", "imbalance", "asked again, %", "failed"],
          ],
          rows: [...rows, ...sizes],
        },
      };
    },
    close: async () => ({}),
  };
}
