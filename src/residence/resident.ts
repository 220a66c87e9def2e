import type { Clock } from "../clock.ts";
import type { KeptBy } from "../generation/backend.ts";
import type { LoadTimes } from "./load-times.ts";
import { createStays } from "./stays.ts";

/** A process with a model: of its engine, or of its embedder. */
export type Process = {
  readonly state: "unloaded" | "loading" | "ready" | "restarting" | "unloading" | "failed" | "stopped";
  /** Whether it has any work. */
  readonly isBusy: boolean;
  /** The memory that it takes, as it last reported. */
  readonly memoryBytes: number | undefined;
  onStateChange(listener: (state: Process["state"]) => void): () => void;
  /** Ends it after its work. */
  unload(): Promise<void>;
};

export type ResidentOptions = {
  /** The model's, for messages and load times. */
  readonly id: string;
  /** The size of its file. */
  readonly sizeBytes: number;
  /** The memory that it takes, as far as its file tells. */
  readonly estimateBytes: number;
  /** Whether it is never put out. */
  readonly isPinned: boolean;
  /** Whether the budget was made so that it has room: then it counts for no more than was estimated. */
  readonly isReserved?: boolean;
  /** How long it stays loaded without requests; undefined means for ever. */
  readonly keepLoadedMs: number | undefined;
};

/** Where a process is: not in memory, waiting for room, or in memory. */
type Place = "out" | "waiting" | "in";

/** One process that comes and goes: how much memory it takes, who uses it, and when it was last used. */
export type Resident = Omit<ResidentOptions, "isPinned"> & {
  /** Whether it is never put out. */
  readonly isPinned: boolean;
  /** Pins it, or has it come and go again as the settings say. One that the settings pin stays so. */
  pin(isPinned: boolean): void;
  place: Place;
  readonly process: Process | undefined;
  /** To be called once, when the process exists. */
  follow(process: Process): void;
  /** A request begins that may need it, of a tenant if it is a client's. Returns a function to be called when the request has ended. */
  use(tenant?: string): () => void;
  /** Whether it is used or starting, so that it can't be put out at once. */
  readonly isBusy: boolean;
  /** Whether it was told to end, so that its memory will be free. */
  readonly isLeaving: boolean;
  /** What it takes when it is in memory: as it was measured once it had served a request, before as estimated. */
  readonly bytes: number;
  /** The most that it was seen to take; undefined before it has served a request. */
  readonly measuredBytes: number | undefined;
  readonly idleMs: number;
  /** How long it takes to load. */
  readonly loadMs: number;
  /** How long its load, which has begun, still takes. */
  readonly loadLeftMs: number;
  /** Since when it serves; undefined while it doesn't. */
  readonly readySinceMs: number | undefined;
  /** Changes how long it stays loaded without requests, until it is unloaded. Does nothing to one that is to stay for ever. */
  keepLoaded(ms: number | undefined, by: KeptBy): void;
  /** Changes how long it stays loaded without requests, for good. */
  stay(ms: number | undefined): void;
  /** In how many ms it is unloaded if no further request comes; undefined if it isn't loaded or stays. */
  readonly unloadInMs: number | undefined;
  /** Ends it. @param reason the end of a sentence, for the log */
  putOut(reason: string): void;
  /** Its room was granted: it starts. */
  granted(): void;
};

export type ResidentParts = {
  readonly clock: Clock;
  readonly loadTimes: LoadTimes;
  /** It may have become idle, or its memory may have changed. */
  readonly onChange: () => void;
  readonly log: (facts: object, message: string) => void;
};

/** A process with work that no request accounts for, such as counting tokens, is looked at again after so long. */
const LOOK_AGAIN_MS = 1_000;

/** A load that takes longer than expected takes at least this share of it. */
const LEAST_LEFT = 0.1;

export function createResident(options: ResidentOptions, { clock, loadTimes, onChange, log }: ResidentParts): Resident {
  const { id, sizeBytes, estimateBytes, isReserved = false } = options;
  let process: Process | undefined;
  let { isPinned } = options;
  const staysFor = (ms: number | undefined) => (ms === undefined ? undefined : createStays(ms));
  let stays = staysFor(options.keepLoadedMs);
  let uses = 0;
  let usedMs = clock.now();
  let grantedMs = 0;
  let readySinceMs: number | undefined;
  let hasServed = false;
  let measuredBytes: number | undefined;
  let alarm: { readonly atMs: number; readonly cancel: () => void } | undefined;

  function isBusy(): boolean {
    return uses > 0 || process?.isBusy === true || process?.state === "loading" || process?.state === "restarting";
  }

  function measure(): void {
    const bytes = process?.memoryBytes;
    if (hasServed && bytes !== undefined) measuredBytes = Math.max(bytes, measuredBytes ?? 0);
  }

  /** How long it still stays without requests; undefined for ever. */
  function leftMs(): number | undefined {
    return stays?.leftMs(clock.now(), usedMs, readySinceMs ?? 0);
  }

  /** Sets the time at which it is unloaded, if nobody uses it. */
  function arm(delayMs = leftMs()): void {
    alarm?.cancel();
    alarm = undefined;
    if (uses > 0 || readySinceMs === undefined || delayMs === undefined || isPinned) return;
    const afterMs = Math.max(0, delayMs);
    alarm = { atMs: clock.now() + afterMs, cancel: clock.after(afterMs, ring) };
  }

  function ring(): void {
    alarm = undefined;
    if (isBusy()) arm(Math.max(LOOK_AGAIN_MS, stays?.longestMs ?? 0));
    else resident.putOut("since it was not asked for");
  }

  function changed(state: Process["state"]): void {
    if (state === "ready") {
      // A restart is no load: its file is in memory already.
      if (readySinceMs === undefined) loadTimes.note(id, sizeBytes, clock.now() - grantedMs);
      readySinceMs ??= clock.now();
      usedMs = clock.now();
      arm();
    } else if (state !== "restarting") {
      if (state === "unloaded") stays?.clear();
      readySinceMs = undefined;
      arm();
    }
    onChange();
  }

  const resident: Resident = {
    ...options,
    place: "out",
    get process() {
      return process;
    },
    follow(followed) {
      process = followed;
      followed.onStateChange(changed);
    },
    use(tenant) {
      uses += 1;
      arm();
      let isOver = false;
      return () => {
        if (isOver) return;
        isOver = true;
        uses -= 1;
        usedMs = clock.now();
        if (tenant !== undefined) stays?.used(tenant, usedMs);
        hasServed ||= readySinceMs !== undefined;
        measure();
        if (uses > 0) return;
        arm();
        // Nobody waits for it any more.
        if (resident.place === "waiting" && process?.isBusy !== true) process?.unload().catch(() => {});
        onChange();
      };
    },
    get isPinned() {
      return isPinned;
    },
    pin(wanted) {
      isPinned = wanted || options.isPinned;
      arm();
      onChange();
    },
    get isBusy() {
      return isBusy();
    },
    get isLeaving() {
      return process?.state === "unloading";
    },
    get bytes() {
      measure();
      const bytes = measuredBytes ?? estimateBytes;
      return isReserved ? Math.min(bytes, estimateBytes) : bytes;
    },
    get measuredBytes() {
      measure();
      return measuredBytes;
    },
    get idleMs() {
      return clock.now() - usedMs;
    },
    get loadMs() {
      return loadTimes.predict(id, sizeBytes);
    },
    get loadLeftMs() {
      const wholeMs = loadTimes.predict(id, sizeBytes);
      return Math.max(wholeMs - (clock.now() - grantedMs), LEAST_LEFT * wholeMs);
    },
    get readySinceMs() {
      return readySinceMs;
    },
    keepLoaded(ms, by) {
      if (stays === undefined) return;
      stays.set(ms, by, clock.now());
      const restMs = leftMs();
      const isOver = restMs !== undefined && restMs <= 0;
      if (isOver && readySinceMs !== undefined && !isBusy()) resident.putOut("since a client asked for it");
      else arm();
    },
    stay(ms) {
      stays = staysFor(ms);
      arm();
    },
    get unloadInMs() {
      if (readySinceMs === undefined || isPinned) return undefined;
      return alarm === undefined ? stays?.longestMs : Math.max(0, alarm.atMs - clock.now());
    },
    putOut(reason) {
      log({ model: id, memoryBytes: resident.bytes, loadMs: Math.round(resident.loadMs) }, `unloaded ${reason}`);
      // It reports its own failures.
      process?.unload().catch(() => {});
    },
    granted() {
      resident.place = "in";
      grantedMs = clock.now();
    },
  };
  return resident;
}
