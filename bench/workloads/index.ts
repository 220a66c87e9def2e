import { batch } from "./batch.ts";
import { batch8 } from "./batch8.ts";
import { bulk } from "./bulk.ts";
import { cache } from "./cache.ts";
import { cluster } from "./cluster.ts";
import { engine } from "./engine.ts";
import { fimBurst, fimSampled } from "./fim-burst.ts";
import { intruders } from "./intruders.ts";
import { intrusion } from "./intrusion.ts";
import { longContext } from "./long-context.ts";
import { multiTurn } from "./multi-turn.ts";
import { overhead } from "./overhead.ts";
import { overload } from "./overload.ts";
import { prefill } from "./prefill.ts";
import { proxy } from "./proxy.ts";
import { queue } from "./queue.ts";
import { routes } from "./routes.ts";
import { sharedPrefix } from "./shared-prefix.ts";
import { single } from "./single.ts";
import { spill } from "./spill.ts";
import { start } from "./start.ts";
import { swap } from "./swap.ts";
import { telemetry } from "./telemetry.ts";
import type { Workload } from "./workload.ts";

/** All workloads, in the order in which they run and are reported. */
export const WORKLOADS: readonly Workload[] = [
  single,
  batch8,
  batch,
  bulk,
  prefill,
  sharedPrefix,
  multiTurn,
  intrusion,
  fimBurst,
  fimSampled,
  longContext,
  start,
  swap,
  engine,
  overhead,
  overload,
  queue,
  routes,
  cluster,
  spill,
  cache,
  proxy,
  telemetry,
  intruders,
];
