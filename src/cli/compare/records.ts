import { resolve } from "node:path";
import type { Config } from "../../config/schema.ts";
import type { Report } from "../../store/comparison-report.ts";
import { openKeyState } from "../../store/state.ts";

/** Throws a StateError if no report could be kept. */
export function checkKeeping({ stateFile }: Config, cwd: string): void {
  if (stateFile === ":memory:") return;
  const state = openKeyState(resolve(cwd, stateFile));
  try {
    state.comparisons.check();
  } finally {
    state.close();
  }
}

/** Keeps a report in the state file. Does nothing with a state in memory. Throws a StateError. */
export function keepReport(report: Report, { stateFile }: Config, cwd: string): void {
  if (stateFile === ":memory:") return;
  const state = openKeyState(resolve(cwd, stateFile));
  try {
    state.comparisons.add(report);
  } finally {
    state.close();
  }
}

/** The report that was kept last; undefined if there is none. Throws a StateError. */
export function lastReport({ stateFile }: Config, cwd: string): Report | undefined {
  if (stateFile === ":memory:") return undefined;
  const state = openKeyState(resolve(cwd, stateFile));
  try {
    return state.comparisons.latest();
  } finally {
    state.close();
  }
}
