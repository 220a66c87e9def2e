import { cpus, loadavg } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import type { Config } from "../../config/schema.ts";
import type { Report } from "../../store/comparison-report.ts";
import { urlOf } from "../gateway-client.ts";

/** From this share of the processor on, other programs disturb. */
const BUSY_SHARE = 0.1;
const LOOK_MS = 300;
const PROBE_MS = 1_000;

/** Watches what other programs do while none of ours computes. */
export type Surroundings = {
  /** Looks for a moment. Throws the signal's reason. */
  readonly look: () => Promise<void>;
  readonly describe: () => Pick<Report, "disturbance" | "isQuiet">;
};

export function watchSurroundings(
  config: Config,
  signal: AbortSignal,
  { readBusy = readBusyShare, load = () => loadavg()[0] ?? 0 } = {},
): Surroundings {
  const url = urlOf(config);
  let busyShare = 0;
  let gateway: string | undefined;
  let isFirst = true;
  const loadAverage = load();
  return {
    async look() {
      busyShare = Math.max(busyShare, await readBusy(signal));
      if (isFirst && (await responds(url, signal))) gateway = url;
      isFirst = false;
    },
    describe: () => ({
      disturbance: { busyShare, loadAverage, ...(gateway !== undefined && { gateway }) },
      isQuiet: busyShare < BUSY_SHARE,
    }),
  };
}

async function readBusyShare(signal: AbortSignal): Promise<number> {
  const before = readTimes();
  await wait(LOOK_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  const after = readTimes();
  const all = after.all - before.all;
  return all <= 0 ? 0 : Math.max(0, 1 - (after.idle - before.idle) / all);
}

function readTimes(): { readonly idle: number; readonly all: number } {
  let idle = 0;
  let all = 0;
  for (const { times } of cpus()) {
    idle += times.idle;
    all += times.idle + times.user + times.sys + times.nice + times.irq;
  }
  return { idle, all };
}

async function responds(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    await fetch(`${url}/health`, { signal: AbortSignal.any([signal, AbortSignal.timeout(PROBE_MS)]) });
    return true;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
