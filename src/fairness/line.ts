/** How much is likely to have its turn first. */
export type Ahead = { readonly entries: number; readonly work: number };

export const NOTHING: Ahead = { entries: 0, work: 0 };

/** A first-in, first-out queue that knows how much is ahead of each item. All operations but `reprice` take constant time. */
export type Line<Item> = {
  first: Item | undefined;
  last: Item | undefined;
  entries: number;
  /** The cost of all items. */
  work: number;
  /** How many items were ever added, and their cost. */
  pushed: number;
  pushedWork: number;
};

/** The fields of an item that a line needs. */
export type Linked<Item> = {
  cost: number;
  readonly line: Line<Item>;
  /** How many items were added to the line before this one, and their cost. */
  readonly ordinal: number;
  workBefore: number;
  previous: Item | undefined;
  next: Item | undefined;
};

export function createLine<Item>(): Line<Item> {
  return { first: undefined, last: undefined, entries: 0, work: 0, pushed: 0, pushedWork: 0 };
}

export function append<Item extends Linked<Item>>(line: Line<Item>, item: Item): void {
  if (line.last === undefined) line.first = item;
  else line.last.next = item;
  line.last = item;
  line.entries += 1;
  line.work += item.cost;
  line.pushed += 1;
  line.pushedWork += item.cost;
}

export function detach<Item extends Linked<Item>>({ line, previous, next, cost }: Linked<Item>): void {
  if (previous === undefined) line.first = next;
  else previous.next = next;
  if (next === undefined) line.last = previous;
  else next.previous = previous;
  line.entries -= 1;
  line.work = line.entries === 0 ? 0 : line.work - cost;
}

export function reprice<Item extends Linked<Item>>(item: Item, cost: number): void {
  const { line } = item;
  const difference = cost - item.cost;
  item.cost = cost;
  line.work += difference;
  line.pushedWork += difference;
  // Requests are repriced soon after they arrive, so few items are behind.
  for (let { next } = item; next !== undefined; next = next.next) next.workBefore += difference;
}

/** How much is ahead of an item. An item removed from the middle still counts while an earlier one is in the line. */
export function aheadIn<Item extends Linked<Item>>({ line, ordinal, workBefore, cost }: Linked<Item>): Ahead {
  const { first, entries, work } = line;
  if (first === undefined) return NOTHING;
  return {
    entries: Math.min(entries - 1, ordinal - first.ordinal),
    work: Math.max(0, Math.min(work - cost, workBefore - first.workBefore)),
  };
}
