import { LRUCache } from "lru-cache";
import { type Reading, readTheSame } from "./reading.ts";

/** An answered request, for comparison with others. */
export type Neighbour = {
  readonly text: string;
  readonly reading: Reading;
  /** The key of its answer. */
  readonly key: string;
};

/** Answered requests by what they ask for. Requests in one neighbourhood are the same except for their text. */
export type Neighbours = {
  /** Returns the requests that ask for the same by their words, the newest first. */
  readonly find: (neighbourhood: string, reading: Reading) => readonly Neighbour[];
  readonly add: (neighbourhood: string, neighbour: Neighbour) => void;
  readonly forget: (neighbourhood: string, neighbour: Neighbour) => void;
  readonly bytes: () => number;
};

/** How many wordings of one question are remembered. */
const MAX_ALIKE = 4;
/** About how much memory an entry takes besides its texts: its place in the list, the records, the sets of capitals. */
const OVERHEAD_BYTES = 1_000;

/** Remembers the most recently used, as many as fit into `maxBytes`. */
export function createNeighbours(maxBytes: number): Neighbours {
  const alike = new LRUCache<string, readonly Neighbour[]>({
    maxSize: maxBytes,
    sizeCalculation: (neighbours, place) => 2 * place.length + neighbours.reduce((sum, one) => sum + sizeOf(one), 0),
  });

  function set(place: string, neighbours: readonly Neighbour[]): void {
    if (neighbours.length === 0) alike.delete(place);
    else alike.set(place, neighbours);
  }

  return {
    find(neighbourhood, reading) {
      const found = alike.get(placeOf(neighbourhood, reading)) ?? [];
      return found.filter((neighbour) => readTheSame(neighbour.reading, reading));
    },
    add(neighbourhood, neighbour) {
      const place = placeOf(neighbourhood, neighbour.reading);
      const others = (alike.peek(place) ?? []).filter(({ key }) => key !== neighbour.key);
      set(place, [neighbour, ...others].slice(0, MAX_ALIKE));
    },
    forget(neighbourhood, { reading, key }) {
      const place = placeOf(neighbourhood, reading);
      set(
        place,
        (alike.peek(place) ?? []).filter((other) => other.key !== key),
      );
    },
    bytes: () => alike.calculatedSize,
  };
}

function placeOf(neighbourhood: string, { gist }: Reading): string {
  return `${neighbourhood} ${gist}`;
}

function sizeOf({ text, reading, key }: Neighbour): number {
  return OVERHEAD_BYTES + 2 * (text.length + reading.gist.length + key.length);
}
