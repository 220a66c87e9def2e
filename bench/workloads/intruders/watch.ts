import { Agent, request as httpRequest } from "node:http";
import { type Exchange, GAVE_UP, post } from "../../load/post.ts";
import { parseStream } from "../../load/sse.ts";
import { CHAT_PATH, type Session } from "../session.ts";

/** `/health` is asked at a fixed pace, whatever became of the calls before: who waits for answers hides what it waits for. */
const HEALTH_EVERY_MS = 5;
const HEALTH_TIMEOUT_MS = 15_000;
const HEALTH_CONNECTIONS = 32;
/** By then a stream has its slot and decodes. Not every read brings text, so that its gaps count from an earlier text on. */
const READS_BEFORE = 16;
const TEXTS_BEFORE = 8;
const STREAM_TOKENS = 7_000;
const PROMPT_TOKENS = 76;

/** Another client's calls of `/health`. */
export type HealthWatch = {
  /** Ends it, and returns how long each call took, in ms; infinite where it wasn't answered. */
  stop(): Promise<readonly number[]>;
};

/** Asks `/health` again and again from now on. */
export function watchHealth(serverUrl: string): HealthWatch {
  const url = new URL("/health", serverUrl);
  const agent = new Agent({ keepAlive: true, maxSockets: HEALTH_CONNECTIONS });
  const calls: Promise<number>[] = [];
  const timer = setInterval(() => calls.push(timeOf(url, agent)), HEALTH_EVERY_MS);
  return {
    async stop() {
      clearInterval(timer);
      const times = await Promise.all(calls);
      agent.destroy();
      return times;
    },
  };
}

function timeOf(url: URL, agent: Agent): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const startedMs = performance.now();
  const request = httpRequest(url, { agent, signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) });
  request.on("error", () => resolve(Number.POSITIVE_INFINITY));
  request.on("response", (response) => {
    response.on("error", () => resolve(Number.POSITIVE_INFINITY));
    response.on("end", () =>
      resolve(response.statusCode === 200 ? performance.now() - startedMs : Number.POSITIVE_INFINITY),
    );
    response.resume();
  });
  request.end();
  return promise;
}

/** Another client's stream. */
export type StreamWatch = {
  /** Settles when it decodes, or when it has ended before. */
  readonly decoding: Promise<void>;
  /** Leaves the stream, and returns its longest gap in ms. */
  stop(): Promise<number>;
};

/** Begins a long stream. */
export function watchStream(session: Session, key: string): StreamWatch {
  const leave = new AbortController();
  const { promise: decoding, resolve: decodes } = Promise.withResolvers<void>();
  const request = session.prompt(session.writer(0, key), PROMPT_TOKENS, STREAM_TOKENS);
  const answered = post(new URL(CHAT_PATH, session.server.url), Buffer.from(JSON.stringify(session.body(request))), {
    signal: AbortSignal.any([leave.signal, session.signal]),
    onRead: (reads) => void (reads === READS_BEFORE && decodes()),
  });
  void answered.then(() => decodes());
  return {
    decoding,
    async stop() {
      leave.abort();
      return worstGap(await answered);
    },
  };
}

/**
 * The longest time without text of a stream that somebody left, from its eighth text until then, in ms: the silence at its end
 * counts. Infinite where it was refused, or broken off by the server.
 */
export function worstGap({ status, reads, endedMs, cut }: Exchange): number {
  if (status !== 200) return Number.POSITIVE_INFINITY;
  let stream: ReturnType<typeof parseStream>;
  try {
    stream = parseStream(reads);
  } catch {
    // It ended with an error.
    return Number.POSITIVE_INFINITY;
  }
  if (!stream.done && cut !== GAVE_UP) return Number.POSITIVE_INFINITY;
  const timesMs = stream.arrivals.slice(TEXTS_BEFORE - 1).map(({ atMs }) => atMs);
  if (timesMs.length === 0) return Number.POSITIVE_INFINITY;
  const untilMs = stream.done ? timesMs : [...timesMs, endedMs];
  return Math.max(...untilMs.slice(1).map((atMs, index) => atMs - (untilMs[index] ?? Number.NaN)));
}
