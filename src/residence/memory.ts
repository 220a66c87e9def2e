import type { Clock } from "../clock.ts";
import { InsufficientMemoryError, OverloadedError } from "../generation/errors.ts";
import { choosePutOut, type Occupant } from "./choose.ts";
import { createLoadTimes } from "./load-times.ts";
import { createResident, type Resident, type ResidentOptions } from "./resident.ts";
import { showBytes } from "./show-bytes.ts";

/** A process's way into memory, and what is known of it there. */
export type Berth = Pick<
  Resident,
  "follow" | "use" | "keepLoaded" | "pin" | "stay" | "unloadInMs" | "bytes" | "measuredBytes" | "isPinned"
> & {
  /** What its process asks before it starts. */
  readonly room: {
    take(grant: () => void, refuse: (error: Error) => void): () => void;
  };
  /** Whether requests have to wait until it is loaded. */
  readonly isAway: boolean;
  /** In how many ms it is likely to serve, also if nobody has asked for it; 0 while it does. */
  readonly readyInMs: number;
  /** Whether loads were measured, so that `readyInMs` is no guess. */
  readonly isPredictable: boolean;
  /** Calls `listener` with the error when it gets no room, before its process hears of it. */
  onRefused(listener: (error: Error) => void): void;
};

/** The memory for models: which of them are in it, and which has to leave when another one is asked for. */
export type Memory = {
  join(options: ResidentOptions): Berth;
  readonly budgetBytes: number;
  /** What is in use, as measured or estimated. */
  readonly heldBytes: number;
  /** How much of that can't be had for other models. */
  readonly pinnedBytes: number;
};

export type MemoryOptions = {
  readonly clock: Clock;
  /** What all processes may take together. */
  readonly budgetBytes: number;
  /** The process whose turn it is gives up when it had to wait longer for room. */
  readonly maxWaitMs: number;
  readonly logger: { info(facts: object, message: string): void };
};

/** One process that wants in. */
type Ask = {
  readonly resident: Resident;
  readonly grant: () => void;
  readonly refuse: (error: Error) => void;
};

/**
 * A model that is in use may go on, while another one waits for its room, for so many times as long as loading both takes: so swapping takes
 * at most about a fifth of the time. But it is at most half of what the other one may wait.
 */
const TURN_LOADS = 4;
const LEAST_TURN_MS = 2_000;
const TURN_SHARE = 0.5;

/** What ending an idle process takes: it writes what it has evaluated. */
const PUT_OUT_MS = 500;

/**
 * Lets processes in while they fit, in the order in which they ask. For the first that doesn't fit, idle processes are put out, the least
 * valuable first. If those aren't enough, it waits until busy ones become idle or have had their turn; then they finish what they are at, and
 * leave. Nobody overtakes the first, so no model keeps another one out for ever.
 */
export function createMemory({ clock, budgetBytes, maxWaitMs, logger }: MemoryOptions): Memory {
  const residents: Resident[] = [];
  const loadTimes = createLoadTimes();
  const line: Ask[] = [];
  let isSettling = false;
  let isUnsettled = false;
  let cancelTurn: (() => void) | undefined;
  /** The first in line, and the timer that ends its wait. */
  let head: { readonly ask: Ask; readonly cancel: () => void } | undefined;

  function sum(of: (resident: Resident) => boolean): number {
    return residents.reduce((total, resident) => (of(resident) ? total + resident.bytes : total), 0);
  }

  function heldBytes(): number {
    return sum(({ place }) => place === "in");
  }

  /** What would still be missing once those that are leaving have left. */
  function lackingFor(bytes: number): number {
    return sum(({ place, isLeaving }) => place === "in" && !isLeaving) + bytes - budgetBytes;
  }

  function movable(): Resident[] {
    return residents.filter(({ place, isPinned, isLeaving }) => place === "in" && !isPinned && !isLeaving);
  }

  function putOut(candidates: readonly Resident[], lackingBytes: number, reason: string): boolean {
    const named = candidates.map((resident, index) => ({ resident, occupant: occupantOf(resident, String(index)) }));
    const chosen = choosePutOut(
      named.map(({ occupant }) => occupant),
      lackingBytes,
    );
    for (const { resident, occupant } of named) if (chosen?.includes(occupant.id)) resident.putOut(reason);
    return chosen !== undefined;
  }

  function turnEndMs({ readySinceMs, loadMs }: Resident, wanted: Resident): number {
    // While it loads, its turn has not begun.
    const sinceMs = readySinceMs ?? clock.now();
    const turnMs = Math.max(LEAST_TURN_MS, TURN_LOADS * (loadMs + wanted.loadMs));
    return sinceMs + Math.min(turnMs, TURN_SHARE * maxWaitMs);
  }

  function isOver(resident: Resident, wanted: Resident): boolean {
    return resident.readySinceMs !== undefined && turnEndMs(resident, wanted) <= clock.now();
  }

  /** Lets in whoever fits, and makes room for the first who doesn't. */
  function settle(): void {
    isUnsettled = true;
    // What it does may change the state of processes, and so call it again.
    if (isSettling) return;
    isSettling = true;
    try {
      while (isUnsettled) {
        isUnsettled = false;
        settleOnce();
      }
    } finally {
      isSettling = false;
    }
  }

  function settleOnce(): void {
    for (const { process, place } of [...residents])
      if (process?.state === "stopped" && place === "out") forget(process);
    cancelTurn?.();
    cancelTurn = undefined;
    while (letFirstIn());
    const [first] = line;
    if (first !== head?.ask) {
      head?.cancel();
      head = first && { ask: first, cancel: clock.after(maxWaitMs, () => expire(first)) };
    }
    if (first === undefined) trim();
    else makeRoomFor(first.resident);
  }

  /** Its model is not served any more. */
  function forget(process: Resident["process"]): void {
    const index = residents.findIndex((resident) => resident.process === process);
    if (index >= 0) residents.splice(index, 1);
  }

  /** Returns whether the first in line has left it. */
  function letFirstIn(): boolean {
    const [first] = line;
    if (first === undefined) return false;
    const refusal = misfit(first.resident);
    if (refusal !== undefined) {
      end(first);
      first.resident.place = "out";
      first.refuse(refusal);
      return true;
    }
    if (heldBytes() + first.resident.bytes > budgetBytes) return false;
    end(first);
    first.resident.granted();
    first.grant();
    return true;
  }

  function makeRoomFor(resident: Resident): void {
    const lackingBytes = lackingFor(resident.bytes);
    if (lackingBytes <= 0) return;
    const candidates = movable();
    const idle = candidates.filter(({ isBusy }) => !isBusy);
    const reason = `to make room for ${resident.id}`;
    if (putOut(idle, lackingBytes, reason)) return;
    const leaving = candidates.filter((each) => !each.isBusy || isOver(each, resident));
    if (putOut(leaving, lackingBytes, reason)) return;
    const ends = candidates.map((each) => turnEndMs(each, resident)).filter((atMs) => atMs > clock.now());
    if (ends.length > 0) cancelTurn = clock.after(Math.min(...ends) - clock.now(), settle);
  }

  /** If those in memory take more than was estimated, puts out idle ones that would be unloaded soon anyway. */
  function trim(): void {
    const overBytes = lackingFor(0);
    if (overBytes <= 0) return;
    const idle = movable().filter(({ isBusy, unloadInMs }) => !isBusy && unloadInMs !== undefined);
    const reason = "since models take more memory than they may";
    if (!putOut(idle, overBytes, reason)) for (const resident of idle) resident.putOut(reason);
  }

  /** Why a process can't ever come in; undefined if it can, once others have left. */
  function misfit(resident: Resident): InsufficientMemoryError | undefined {
    const pinnedBytes = sum((each) => each !== resident && each.place === "in" && each.isPinned);
    if (resident.bytes + pinnedBytes <= budgetBytes) return undefined;
    const pinned = pinnedBytes === 0 ? "" : `, of which pinned models hold ${showBytes(pinnedBytes)}`;
    return new InsufficientMemoryError(
      `The model \`${resident.id}\` needs ${showBytes(resident.bytes)} of memory, and models may take ${showBytes(budgetBytes)}${pinned}. ` +
        "Ask for a smaller model, or start Sluice with a larger --memory, fewer --slots or a smaller --context.",
    );
  }

  function end(ask: Ask): void {
    const index = line.indexOf(ask);
    if (index >= 0) line.splice(index, 1);
  }

  /** The first in line has waited as long as it may. */
  function expire(ask: Ask): void {
    const { id, bytes } = ask.resident;
    const retryMs = Math.max(1_000, roomInMs(ask.resident));
    end(ask);
    ask.resident.place = "out";
    ask.refuse(
      new OverloadedError(
        `The model \`${id}\` needs ${showBytes(bytes)} of memory, and other models were in use for ${Math.round(maxWaitMs / 1000)} s without a pause.`,
        retryMs,
      ),
    );
    settle();
  }

  /** In how many ms there is likely to be room for a process. */
  function roomInMs(resident: Resident): number {
    const own = line.findIndex((ask) => ask.resident === resident);
    const ahead = (own < 0 ? line : line.slice(0, own)).map((ask) => ask.resident);
    const [head = resident] = ahead;
    const earlierMs = ahead.reduce((total, each) => total + each.loadMs + turnEndMs(each, resident) - clock.now(), 0);
    return earlierMs + firstRoomInMs(head);
  }

  function firstRoomInMs(head: Resident): number {
    if (heldBytes() + head.bytes <= budgetBytes) return 0;
    const lackingBytes = lackingFor(head.bytes);
    const candidates = movable();
    const idle = candidates.filter(({ isBusy }) => !isBusy).map((each, index) => occupantOf(each, String(index)));
    if (lackingBytes <= 0 || choosePutOut(idle, lackingBytes) !== undefined) return PUT_OUT_MS;
    const untilMs = candidates.map((each) => Math.max(0, turnEndMs(each, head) - clock.now()));
    return PUT_OUT_MS + (untilMs.length === 0 ? 0 : Math.min(...untilMs));
  }

  function readyInMs(resident: Resident): number {
    const { place, process, loadMs, loadLeftMs } = resident;
    if (!isAway(resident)) return 0;
    if (place === "in" && process?.state === "loading") return loadLeftMs;
    const leaveMs = place === "in" ? PUT_OUT_MS : 0;
    return leaveMs + roomInMs(resident) + loadMs;
  }

  function join(options: ResidentOptions): Berth {
    const resident = createResident(options, {
      clock,
      loadTimes,
      onChange: settle,
      log: (facts, message) => logger.info(facts, message),
    });
    const listeners: ((error: Error) => void)[] = [];
    residents.push(resident);

    function take(grant: () => void, refuse: (error: Error) => void): () => void {
      const ask: Ask = {
        ...{ resident, grant },
        refuse(error) {
          for (const listener of listeners) listener(error);
          refuse(error);
        },
      };
      resident.place = "waiting";
      line.push(ask);
      settle();
      return () => {
        end(ask);
        resident.place = "out";
        settle();
      };
    }

    return {
      room: { take },
      follow: resident.follow,
      use: resident.use,
      keepLoaded: resident.keepLoaded,
      stay: resident.stay,
      pin: resident.pin,
      get isPinned() {
        return resident.isPinned;
      },
      get unloadInMs() {
        return resident.unloadInMs;
      },
      get bytes() {
        return resident.bytes;
      },
      get measuredBytes() {
        return resident.measuredBytes;
      },
      get isAway() {
        return isAway(resident);
      },
      get readyInMs() {
        return readyInMs(resident);
      },
      get isPredictable() {
        return loadTimes.isKnown;
      },
      onRefused: (listener) => void listeners.push(listener),
    };
  }

  return {
    join,
    budgetBytes,
    get heldBytes() {
      return heldBytes();
    },
    get pinnedBytes() {
      return sum(({ place, isPinned }) => place === "in" && isPinned);
    },
  };
}

/** A failed or stopped process tells requests so itself, and one that restarts goes on with them. */
function isAway({ process }: Resident): boolean {
  const state = process?.state;
  return state === "unloaded" || state === "loading" || state === "unloading";
}

function occupantOf({ bytes, isBusy, idleMs, loadMs }: Resident, id: string): Occupant {
  return { id, bytes, idleMs: isBusy ? 0 : idleMs, loadMs };
}
