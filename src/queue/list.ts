import type { QueuedView } from "../generation/view.ts";
import type { Task } from "./task.ts";

export type ListOptions = {
  readonly most: number;
  readonly nowMs: number;
  /** What a task that waits can expect. */
  readonly outlook: (task: Task) => { readonly position: number; readonly etaMs: number };
};

/** So many tasks are looked at for each that is listed: to tell a position takes as long as to tell it to a client. */
const LOOKED_AT = 4;

/** What can be seen of tasks: those that wait, the next turn first, and then the others in the order in which they came. */
export function listTasks(tasks: ReadonlySet<Task>, { most, nowMs, outlook }: ListOptions): QueuedView[] {
  const waiting: (QueuedView & { readonly position: number })[] = [];
  const begun: QueuedView[] = [];
  let looked = 0;
  for (const task of tasks) {
    if (looked >= LOOKED_AT * most) break;
    looked += 1;
    const { state, job, arrivedMs, turnMs, promisedMs } = task;
    if (state === "left" || job.isWarmUp === true) continue;
    const { id: requestId = "", tenant, priority } = job;
    const seen = { requestId, tenant, priority, state, waitedMs: (turnMs ?? nowMs) - arrivedMs };
    const promised = promisedMs === undefined ? {} : { promisedMs };
    if (state === "waiting") waiting.push({ ...seen, ...promised, ...outlook(task) });
    else begun.push({ ...seen, ...promised });
  }
  waiting.sort((one, other) => one.position - other.position);
  return [...waiting, ...begun].slice(0, most);
}
