import type { Piece } from "../event-stream.ts";

/** So much is handed to a reader at once. */
const PIECE_LENGTH = 32 * 1024;

/** The approximate memory of an event besides its text. */
const EVENT_BYTES = 64;

/** So much is said to a reader that doesn't listen, in characters. */
const MAX_COMMENTS = 4 * 1024;

/** With one such character a text takes two bytes for each. */
const WIDE = /[^\0-\xff]/;

/** The approximate memory of events that came together. */
export function sizeOf(events: readonly string[]): number {
  const width = bytesPerCharacter(events);
  return events.reduce((sum, event) => sum + event.length * width + EVENT_BYTES, 0);
}

/** So many bytes each character takes of texts that were cut from one. */
function bytesPerCharacter(texts: readonly string[]): 1 | 2 {
  let width: 1 | 2 = 1;
  // All are looked at: that makes each a text of its own, which keeps nothing else in memory.
  for (const text of texts) if (WIDE.test(text)) width = 2;
  return width;
}

/** Reads a log. */
type LogReader = {
  /** What comes next; waits for it. Rejects once the reader was cut off. */
  readonly take: () => Promise<Piece>;
  /** Harmless when called again. */
  readonly leave: () => void;
};

/** The events of one stream, as they are sent, numbered from 1 on, for any number of readers. */
export type StreamLog = {
  readonly append: (events: readonly string[]) => void;
  /** Said to those who read now, and not kept. */
  readonly comment: (words: string) => void;
  /** Nothing more comes. */
  readonly end: () => void;
  readonly isEnded: () => boolean;
  /** The number of the last event; 0 before the first. */
  readonly last: () => number;
  /** The number of the first that is still kept. */
  readonly first: () => number;
  /** Begins to read after event `after`, which must be `first() - 1` at least and `last()` at most. */
  readonly read: (after: number) => LogReader;
  readonly readers: () => number;
  /** Cuts off the reader that came first. */
  readonly cutOldest: () => void;
  readonly cutAll: () => void;
  /** Forgets all events, also those that nobody has read, and takes no more. Whoever still reads is at the end. */
  readonly drop: () => void;
  /** Whether the newest reader has taken all, and waits for more. */
  readonly isAwaited: () => boolean;
  /** Forgets the oldest events that the newest reader was handed, until `bytes` are free or none is left. Returns the bytes freed. */
  readonly trim: (bytes: number) => number;
  readonly bytes: () => number;
};

type Place = { next: number; comments: string; waiter: PromiseWithResolvers<Piece> | undefined; isCut: boolean };

type LogEvents = {
  /** A reader has taken something. */
  readonly taken: () => void;
  /** A reader has all, and waits for more. */
  readonly awaited: () => void;
  /** A reader has come, has left, or was cut off. */
  readonly readersChanged: () => void;
};

export function createLog({ taken, awaited, readersChanged }: LogEvents): StreamLog {
  let events: string[] = [];
  /** What each of them takes. */
  let sizes: number[] = [];
  /** How many of them are forgotten, but not yet removed. */
  let dead = 0;
  let first = 1;
  let bytes = 0;
  let ended = false;
  let isDropped = false;
  /** What the newest reader was handed, also after it has left. */
  let handed = 0;
  const places = new Set<Place>();
  const last = () => first + events.length - dead - 1;

  function pieceFor(place: Place): Piece | undefined {
    let frames = place.comments;
    while (place.next <= last() && frames.length < PIECE_LENGTH) {
      frames += events[dead + place.next - first] ?? "";
      place.next += 1;
    }
    const isLast = ended && place.next > last();
    if (frames === "" && !isLast) return undefined;
    place.comments = "";
    if (place === newest()) handed = Math.max(handed, place.next - 1);
    return { frames, isLast };
  }

  function newest(): Place | undefined {
    let found: Place | undefined;
    for (const place of places) found = place;
    return found;
  }

  function serve(): void {
    for (const place of places) {
      const piece = place.waiter && pieceFor(place);
      if (piece === undefined) continue;
      const { waiter } = place;
      place.waiter = undefined;
      waiter?.resolve(piece);
      taken();
    }
  }

  function cut(place: Place): void {
    if (!places.delete(place)) return;
    place.isCut = true;
    place.waiter?.reject(new Error("Another reader came, or this one was too slow."));
    place.waiter = undefined;
    readersChanged();
  }

  return {
    append(more) {
      if (isDropped) return;
      const width = bytesPerCharacter(more);
      for (const event of more) {
        const size = event.length * width + EVENT_BYTES;
        events.push(event);
        sizes.push(size);
        bytes += size;
      }
      serve();
    },
    comment(words) {
      for (const place of places) {
        if (place.comments.length + words.length <= MAX_COMMENTS) place.comments += words;
      }
      serve();
    },
    end() {
      ended = true;
      serve();
    },
    isEnded: () => ended,
    last,
    first: () => first,
    read(after) {
      const place: Place = { next: after + 1, comments: "", waiter: undefined, isCut: false };
      places.add(place);
      handed = Math.max(after, first - 1);
      readersChanged();
      return {
        take() {
          if (place.isCut) return Promise.reject(new Error("This reader was cut off."));
          const piece = pieceFor(place);
          if (piece !== undefined) {
            taken();
            return Promise.resolve(piece);
          }
          const waiter = Promise.withResolvers<Piece>();
          place.waiter = waiter;
          awaited();
          return waiter.promise;
        },
        leave() {
          if (places.delete(place)) readersChanged();
        },
      };
    },
    readers: () => places.size,
    cutOldest() {
      const [oldest] = places;
      if (oldest !== undefined) cut(oldest);
    },
    cutAll() {
      for (const place of [...places]) cut(place);
    },
    drop() {
      isDropped = true;
      first = last() + 1;
      events = [];
      sizes = [];
      dead = 0;
      bytes = 0;
      ended = true;
      for (const place of places) place.next = first;
      serve();
    },
    isAwaited: () => newest()?.waiter !== undefined,
    trim(wanted) {
      let freed = 0;
      while (freed < wanted && first <= handed && first <= last()) {
        freed += sizes[dead] ?? 0;
        events[dead] = "";
        dead += 1;
        first += 1;
      }
      bytes -= freed;
      if (dead > 1_024 && dead > events.length / 2) {
        events = events.slice(dead);
        sizes = sizes.slice(dead);
        dead = 0;
      }
      for (const place of [...places]) if (place.next < first) cut(place);
      return freed;
    },
    bytes: () => bytes,
  };
}
