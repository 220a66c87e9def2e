/** Something that stands in a line. The line keeps its fields. */
export type Place<T> = {
  readonly value: T;
  cost: number;
  /** Counted from the line's beginning, for `ahead`. */
  readonly ordinal: number;
  workBefore: number;
  previous: Place<T> | undefined;
  next: Place<T> | undefined;
};

/** One line, in which order is kept: everything but `reprice` takes the same time however long it is. */
export type Line<T> = {
  readonly first: Place<T> | undefined;
  readonly entries: number;
  /** The cost of all. */
  readonly work: number;
  append(value: T, cost: number): Place<T>;
  remove(place: Place<T>): void;
  /** Takes time by how many came after it. */
  reprice(place: Place<T>, cost: number): void;
  /** How much stands before it: what was taken out of the middle counts as long as what was there before that stands. */
  ahead(place: Place<T>): { readonly entries: number; readonly work: number };
};

export function createLine<T>(): Line<T> {
  let first: Place<T> | undefined;
  let last: Place<T> | undefined;
  let entries = 0;
  let work = 0;
  let pushed = 0;
  let pushedWork = 0;

  return {
    get first() {
      return first;
    },
    get entries() {
      return entries;
    },
    get work() {
      return work;
    },
    append(value, cost) {
      const place: Place<T> = { value, cost, ordinal: pushed, workBefore: pushedWork, previous: last, next: undefined };
      if (last === undefined) first = place;
      else last.next = place;
      last = place;
      entries += 1;
      work += cost;
      pushed += 1;
      pushedWork += cost;
      return place;
    },
    remove({ previous, next, cost }) {
      if (previous === undefined) first = next;
      else previous.next = next;
      if (next === undefined) last = previous;
      else next.previous = previous;
      entries -= 1;
      work = entries === 0 ? 0 : work - cost;
    },
    reprice(place, cost) {
      const difference = cost - place.cost;
      place.cost = cost;
      work += difference;
      pushedWork += difference;
      for (let { next } = place; next !== undefined; next = next.next) next.workBefore += difference;
    },
    ahead(place) {
      if (first === undefined) return { entries: 0, work: 0 };
      return {
        entries: Math.min(entries - 1, place.ordinal - first.ordinal),
        work: Math.max(0, Math.min(work - place.cost, place.workBefore - first.workBefore)),
      };
    },
  };
}
