import { isLasting } from "../generation/errors.ts";
import type { PromptPrice } from "../generation/model.ts";
import type { Task } from "./task.ts";

/** Prices that the engine is asked for at once. */
const MAX_REFINING = 4;

/**
 * Has the engine asked for the prices of those that must wait anyway, few at a time: of hundreds that come together, most would only have it answer at
 * a bad time. Where it has none to tell, the estimate stays; where it says that the prompt can never be had, such as one longer than the context,
 * there is nothing to wait for, and the task is refused.
 *
 * @returns takes one that waits
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
