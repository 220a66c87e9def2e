import { PRIORITIES, type Priority } from "../generation/terms.ts";

/**
 * What the classes of requests weigh against each other, for everything that shares turns. Tokens of a batch cost their tenant twice as much as
 * those of a usual request, and four times as much as those that somebody watches: where work is done in small pieces, such as chunks of prompts,
 * each class gets on all the time, and a document is read beside a chat without holding it up much.
 */
export const WEIGHTS: Readonly<Record<Priority, number>> = { interactive: 4, default: 2, batch: 1 };

/**
 * How many times its own work a class lets pass where turns are whole, such as a request's with all its tokens: there the higher class goes first,
 * since whoever has a slot keeps it for long, and weights alone would have somebody who watches wait for a batch's answer. So that nothing starves,
 * the lower classes have their turn after this much. The first is never passed over but for the others' shares.
 */
export function patienceOf(priority: Priority): number {
  return priority === PRIORITIES[0] ? 0 : PATIENCE / WEIGHTS[priority];
}

/** Four times the weights' own ratio, since a turn of a lower class holds up more than its share of the time: it can't be taken back. */
const PATIENCE = 16;
