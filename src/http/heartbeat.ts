import type { Wait } from "./wait.ts";

const TICK_MS = 1_000;

/** Proxies cut off connections on which nothing moves, many of them after 30 or 60 s. */
const KEEP_ALIVE_TICKS = 15;

/**
 * The comments of an event stream (https://html.spec.whatwg.org/multipage/server-sent-events.html: lines that begin with a colon, which
 * clients ignore): where it waits for its turn how long that may take, at most once a second; otherwise, after 15 s of silence, a sign of
 * life.
 */
export type Heartbeat = {
  /** Resolves with the first comment, when it is due. */
  readonly first: Promise<string>;
  /** Has all later comments sent by `send`. */
  readonly sendBy: (send: (comment: string) => void) => void;
  /** Something else was sent. */
  readonly touch: () => void;
  readonly stop: () => void;
};

/** A heartbeat that begins now: nothing is due within the first second. To be stopped. */
export function startHeartbeat(wait: Wait | undefined): Heartbeat {
  const first = Promise.withResolvers<string>();
  let send: (comment: string) => void = first.resolve;
  let quietTicks = 0;

  const timer = setInterval(() => {
    quietTicks += 1;
    const news = wait?.takeNews();
    if (news !== undefined) {
      say(`queued position=${news.position} eta_ms=${news.etaMs}`);
    } else if (quietTicks >= KEEP_ALIVE_TICKS) {
      say("keep-alive");
    }
  }, TICK_MS);
  // A stream that nobody reads must not keep the process alive.
  timer.unref();

  function say(words: string): void {
    quietTicks = 0;
    send(`: ${words}\n\n`);
  }

  return {
    first: first.promise,
    sendBy(sender) {
      send = sender;
    },
    touch() {
      quietTicks = 0;
    },
    stop: () => clearInterval(timer),
  };
}
