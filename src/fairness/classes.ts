import { PRIORITIES, type Priority } from "../generation/terms.ts";

/**
 * The weights of the classes, wherever work is shared. A batch token costs its tenant twice as much as a default one, and four times as much as
 * an interactive one. Where work is done in small pieces, such as chunks of prompts, every class makes progress all the time.
 */
export const WEIGHTS: Readonly<Record<Priority, number>> = { interactive: 4, default: 2, batch: 1 };

/**
 * How many times its own work a class lets others do first, where a turn is a whole request: there the higher class goes first, since a slot is
 * held for long, and weights alone would make an interactive request wait for a batch answer. The lower classes get a turn after this much, so that
 * they don't starve. It is 0 for the highest class.
 */
export function patienceOf(priority: Priority): number {
  return priority === PRIORITIES[0] ? 0 : PATIENCE / WEIGHTS[priority];
}

/** Four times the ratio of the weights, since a whole turn of a lower class can't be interrupted. */
const PATIENCE = 16;
