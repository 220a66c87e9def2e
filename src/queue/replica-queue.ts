import type { Clock } from "../clock.ts";
import type { QueuedView } from "../generation/view.ts";
import type { HeldPrompts } from "./held-prompts.ts";
import { choosePlace, NEAR_MS } from "./place.ts";
import type { Piece } from "./prompt-pieces.ts";
import type { ModelQueue, QueueCounts } from "./queue.ts";
import type { Job, JobHandle } from "./task.ts";

/** One replica of a model, with a queue of its own. */
export type Replica = {
  readonly queue: ModelQueue;
  /** Whether its process has died and is not back. */
  readonly isDown: () => boolean;
  /** Whether it has to be loaded first, or again. */
  readonly isAway: () => boolean;
  readonly held: HeldPrompts;
  /** A job waits or runs there, until the returned function is called. */
  readonly use: (tenant: string | undefined) => () => void;
};

/** The queues of a model's replicas as one. */
export type ReplicaQueue = ModelQueue & {
  /** To be called when the state of a replica has changed. */
  lookAt(index: number): void;
  /** The process of a replica has ended, and with it what it held. */
  forgetAt(index: number): void;
  /** A replica gets no room in memory: what waits for it goes elsewhere, or is refused if there is nobody else. */
  refuseAt(index: number, error: Error): void;
};

/** A job, and where it is. */
type Visit = {
  readonly job: Job;
  readonly pieces: readonly Piece[];
  readonly arrivedMs: number;
  at: number;
  isWaiting: boolean;
  /** Undefined only while it arrives. */
  handle: JobHandle | undefined;
  unuse: (() => void) | undefined;
  /** Why it must leave a replica at which it is just arriving. */
  turnedAway: Error | undefined;
  /** Its position when it arrived first. */
  position: number;
};

/** Of so many that wait at a replica it is asked whether another one would be sooner. */
const MAX_LOOKED_AT = 64;

/** How often what waits is looked at: the longer a request runs on, the longer the wait behind it is likely to be. */
const LOOK_MS = 1_000;

/**
 * Sends each job to the replica at which its first token is likely to come first. Each has its own queue, with its own speeds, so turns are fair
 * at each. A job that waits goes on to another replica when that is idle and would be sooner, so that none is idle while others have work.
 */
export function createReplicaQueue(clock: Clock, replicas: readonly Replica[]): ReplicaQueue {
  const visits = replicas.map(() => new Set<Visit>());
  let isFilling = false;
  let isLooking = false;

  function at(index: number): Replica {
    const found = replicas[index];
    if (found === undefined) throw new Error(`There is no replica ${index}.`);
    return found;
  }

  function up(): readonly Replica[] {
    const found = replicas.filter(({ isDown }) => !isDown());
    return found.length > 0 ? found : replicas;
  }

  /** @param without a replica that it can't go to, if there is another */
  function choose({ job, pieces }: Visit, without?: number): number {
    const places = replicas.map(({ queue, isDown, held }, index) => {
      const heldShare = held.shareOf(pieces);
      const { waiting, running, limit } = queue.counts;
      return {
        isDown: isDown() || index === without,
        firstTokenMs: queue.guessMs(job, heldShare),
        heldShare,
        load: (waiting + running) / limit,
      };
    });
    return choosePlace(places);
  }

  function enter(visit: Visit, index: number): void {
    const { job, pieces } = visit;
    const { askPrice } = job;
    const earlierMs = clock.now() - visit.arrivedMs;
    const { queue, held, use } = at(index);
    Object.assign(visit, { at: index, handle: undefined, turnedAway: undefined, unuse: use(tenantOf(job)) });
    visits[index]?.add(visit);
    visit.handle = queue.arrive({
      ...job,
      ...(job.maxWaitMs !== undefined && { maxWaitMs: Math.max(1, job.maxWaitMs - earlierMs) }),
      askPrice: askPrice && (() => askPrice(index)),
      onWait:
        job.onWait &&
        ((news) => {
          if (news.type === "waiting") {
            if (visit.position === 0) visit.position = news.position;
            job.onWait?.(news);
          } else {
            job.onWait?.({ ...news, waitedMs: news.waitedMs + earlierMs, position: visit.position });
          }
        }),
      onTurn() {
        endWait(visit);
        held.note(pieces);
        job.onTurn(index);
      },
      onRefused(error) {
        endWait(visit);
        job.onRefused(error);
      },
    });
    if (visit.turnedAway !== undefined) turnAway(visit, visit.turnedAway);
    lookLater();
  }

  function lookLater(): void {
    if (isLooking || visits.every(({ size }) => size === 0)) return;
    isLooking = true;
    clock.after(LOOK_MS, () => {
      isLooking = false;
      for (const index of replicas.keys()) fill(index);
      lookLater();
    });
  }

  function endWait(visit: Visit): void {
    visit.isWaiting = false;
    visits[visit.at]?.delete(visit);
  }

  function move(visit: Visit, index: number): void {
    visits[visit.at]?.delete(visit);
    leave(visit);
    enter(visit, index);
  }

  function leave(visit: Visit): void {
    visit.handle?.leave();
    visit.unuse?.();
    visit.unuse = undefined;
  }

  /** Sends a job that waits on, or refuses it if no other replica may take it. */
  function turnAway(visit: Visit, error: Error): void {
    if (!visit.isWaiting) return;
    if (visit.handle === undefined) {
      visit.turnedAway = error;
      return;
    }
    const index = choose(visit, visit.at);
    if (index !== visit.at && !at(index).isDown()) {
      move(visit, index);
      return;
    }
    endWait(visit);
    leave(visit);
    visit.job.onRefused(error);
  }

  /** Lets jobs that wait elsewhere go to a replica that is idle. */
  function fill(index: number): void {
    if (isFilling) return;
    isFilling = true;
    try {
      const { queue, isDown, isAway } = at(index);
      while (!isDown() && !isAway() && queue.isIdle) {
        const next = nextFor(index);
        if (next === undefined) break;
        move(next, index);
      }
    } finally {
      isFilling = false;
    }
  }

  /** Of the jobs that wait elsewhere and would begin sooner here, the one whose turn is next. */
  function nextFor(index: number): Visit | undefined {
    const { queue, held } = at(index);
    let found: { readonly visit: Visit; readonly ms: number } | undefined;
    for (const [other, waiting] of visits.entries()) {
      if (other === index) continue;
      const { isDown, held: heldThere } = at(other);
      for (const visit of [...waiting].slice(0, MAX_LOOKED_AT)) {
        const ms = isDown() ? Number.POSITIVE_INFINITY : visit.handle?.guessMs(heldThere.shareOf(visit.pieces));
        if (ms === undefined || ms <= queue.guessMs(visit.job, held.shareOf(visit.pieces)) + NEAR_MS) continue;
        if (found === undefined || ms < found.ms) found = { visit, ms };
      }
    }
    return found?.visit;
  }

  /** Sends what waits for a replica that has died to those that live. */
  function leaveDown(index: number): void {
    if (!at(index).isDown()) return;
    for (const visit of [...(visits[index] ?? [])]) {
      const next = choose(visit, index);
      if (next !== index && !at(next).isDown()) move(visit, next);
    }
  }

  function lookAt(index: number): void {
    leaveDown(index);
    at(index).queue.look();
    fill(index);
  }

  function arrive(job: Job): JobHandle {
    const visit: Visit = {
      ...{ job, pieces: job.pieces?.() ?? [], arrivedMs: clock.now(), at: 0, isWaiting: true, position: 0 },
      ...{ handle: undefined, unuse: undefined, turnedAway: undefined },
    };
    enter(visit, choose(visit));
    return {
      leave() {
        endWait(visit);
        leave(visit);
        fill(visit.at);
      },
      guessMs: (heldShare) => visit.handle?.guessMs(heldShare) ?? 0,
      started: (prompt) => visit.handle?.started(prompt),
      taken: (hold) => visit.handle?.taken(hold),
      text: (gapMs) => visit.handle?.text(gapMs),
      other: () => visit.handle?.other(),
      choiceEnded(completionTokens) {
        visit.handle?.choiceEnded(completionTokens);
        fill(visit.at);
      },
    };
  }

  return {
    arrive,
    predictMs(job, more = 0) {
      const among = up();
      return Math.min(...among.map(({ queue }) => queue.predictMs(job, Math.ceil(more / among.length))));
    },
    guessMs: (job, heldShare) => Math.min(...up().map(({ queue }) => queue.guessMs(job, heldShare))),
    tokensOf: (size) => at(0).queue.tokensOf(size),
    get isIdle() {
      return up().some(({ queue }) => queue.isIdle);
    },
    look() {
      for (const index of replicas.keys()) lookAt(index);
    },
    lookAt,
    forgetAt: (index) => at(index).held.clear(),
    refuseWaiting(error) {
      for (const { queue } of replicas) queue.refuseWaiting(error);
    },
    refuseAt(index, error) {
      for (const visit of [...(visits[index] ?? [])]) turnAway(visit, error);
    },
    list(most) {
      const all = replicas.flatMap(({ queue }) => queue.list(most));
      const isWaiting = ({ state }: QueuedView) => state === "waiting";
      const waiting = all.filter(isWaiting).sort((one, other) => (one.position ?? 0) - (other.position ?? 0));
      return [...waiting, ...all.filter((each) => !isWaiting(each))].slice(0, most);
    },
    get counts() {
      return replicas.map(({ queue }) => queue.counts).reduce(added);
    },
  };
}

function added(one: QueueCounts, other: QueueCounts): QueueCounts {
  return {
    waiting: one.waiting + other.waiting,
    running: one.running + other.running,
    sequences: one.sequences + other.sequences,
    limit: one.limit + other.limit,
    waits: one.waits + other.waits,
    debtors: one.debtors + other.debtors,
  };
}

/** Whose use of a replica counts; undefined for work that no client has asked for. */
function tenantOf({ tenant, isWarmUp }: Job): string | undefined {
  return isWarmUp === true ? undefined : tenant;
}
