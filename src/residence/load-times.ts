/** How long models take to load, learned from those that were loaded. */
export type LoadTimes = {
  note(id: string, sizeBytes: number, ms: number): void;
  /** The likely time in ms: the model's own, else by the size of its file. A guess before anything was loaded. */
  predict(id: string, sizeBytes: number): number;
  /** Whether anything was loaded, so that a prediction is no guess. */
  readonly isKnown: boolean;
};

/** What a process takes to start, whatever its model. */
const START_MS = 400;
/** Assumed until something was loaded: a file on an ordinary SSD. */
const BYTES_PER_MS = 400_000;
/** The weight of the latest load: a file that is read for the first time takes longer than one in the system's cache. */
const LATEST = 0.5;

export function createLoadTimes(): LoadTimes {
  const own = new Map<string, number>();
  let msPerByte: number | undefined;

  return {
    note(id, sizeBytes, ms) {
      own.set(id, mixed(own.get(id), ms));
      msPerByte = mixed(msPerByte, Math.max(0, ms - START_MS) / Math.max(1, sizeBytes));
    },
    predict: (id, sizeBytes) => own.get(id) ?? START_MS + sizeBytes * (msPerByte ?? 1 / BYTES_PER_MS),
    get isKnown() {
      return msPerByte !== undefined;
    },
  };
}

function mixed(before: number | undefined, latest: number): number {
  return before === undefined ? latest : before + LATEST * (latest - before);
}
