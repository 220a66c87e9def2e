import type { Wait } from "./wait.ts";

const TICK_MS = 1_000;

/**
 * After so long without an event there is one that says nothing but that the stream lives. Clients hang up when they see no event for a
 * while, Codex after 300 s, and comments don't count for them; proxies do after 30 or 60 s without a byte.
 */
const EVENT_TICKS = 10;

/** A stream whose request has its turn begins after so long: until then what is wrong with it may get a status of its own. */
const ADMITTED_TICKS = 3;

/** A sign of life. */
export type Beat = {
  /** For a comment. */
  readonly words: string;
  /** Whether an event comes with it, which clients count. */
  readonly withEvent: boolean;
};

/**
 * The signs of life of an event stream. Where it waits for its turn they tell how long that may take, at most once a second; and whatever
 * it waits for, a turn, a model that loads, a prompt that is read or tokens that can't be shown yet, after 10 s without an event there is one.
 */
export type Heartbeat = {
  /** Resolves with the first one, when it is due: once the request waits in the queue, has its turn, or has been silent for long. */
  readonly first: Promise<Beat>;
  /** Has all later ones sent by `send`, which returns whether it could be sent. */
  readonly sendBy: (send: (beat: Beat) => boolean) => void;
  /** An event was sent. */
  readonly touch: () => void;
  readonly stop: () => void;
};

/** A heartbeat that begins now: nothing is due within the first second. To be stopped. */
export function startHeartbeat(wait: Wait | undefined): Heartbeat {
  const first = Promise.withResolvers<Beat>();
  let send: (beat: Beat) => boolean = (beat) => {
    first.resolve(beat);
    return true;
  };
  /** Since the last event. */
  let quietTicks = 0;
  let hasBegun = false;

  const timer = setInterval(() => {
    quietTicks += 1;
    const news = wait?.takeNews();
    const isDue = quietTicks >= (wait?.isOver() === true && !hasBegun ? ADMITTED_TICKS : EVENT_TICKS);
    if (news !== undefined) {
      beat(
        `${news.isLoading === true ? "loading" : "queued"} position=${news.position} eta_ms=${news.etaMs}`,
        isDue || !hasBegun,
      );
    } else if (isDue) {
      beat("keep-alive", true);
    }
  }, TICK_MS);
  // A stream that nobody reads must not keep the process alive.
  timer.unref();

  function beat(words: string, withEvent: boolean): void {
    if (!send({ words, withEvent }) || !withEvent) return;
    hasBegun = true;
    quietTicks = 0;
  }

  return {
    first: first.promise,
    sendBy(sender) {
      send = sender;
    },
    touch() {
      hasBegun = true;
      quietTicks = 0;
    },
    stop: () => clearInterval(timer),
  };
}
