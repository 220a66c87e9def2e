import { isLasting } from "../generation/errors.ts";
import type { PromptPrice } from "../generation/model.ts";
import type { Task } from "./task.ts";

/** The most questions to the engine at once. */
const MAX_REFINING = 4;

/**
 * Asks the engine for the prices of tasks that must wait anyway, a few at a time, since answering takes the engine's time. If it can't tell, the
 * estimate stays. If it says that the prompt can never be evaluated, such as one longer than the context, the task is refused.
 *
 * @returns a function to call with each task that waits
 */
export function createRefining(on: {
  readonly price: (task: Task, known: PromptPrice) => void;
  readonly refuse: (task: Task, error: unknown) => void;
}): (task: Task) => void {
  const unpriced: Task[] = [];
  let refining = 0;

  async function refine(task: Task): Promise<void> {
    if (task.state !== "waiting") return;
    try {
      const known = await task.job.askPrice?.();
      if (known !== undefined && task.state === "waiting") on.price(task, known);
    } catch (error) {
      if (task.state === "waiting" && isLasting(error)) on.refuse(task, error);
    }
  }

  async function refineAll(): Promise<void> {
    if (refining >= MAX_REFINING) return;
    refining += 1;
    for (let task = unpriced.shift(); task !== undefined; task = unpriced.shift()) await refine(task);
    refining -= 1;
  }

  return (task) => {
    if (task.job.askPrice === undefined) return;
    unpriced.push(task);
    void refineAll();
  };
}
