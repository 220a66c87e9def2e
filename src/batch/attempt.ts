import { setImmediate } from "node:timers/promises";
import type { Clock } from "../clock.ts";

/** An answer that another server has given to a request in a batch of its own. */
export type Replay = {
  readonly status: number;
  /** JSON. */
  readonly body: string;
};

/** Sends a request into the gateway, under a key and at batch class. One that was answered elsewhere gets that answer, and is not asked again. */
export type Door = (path: string, init: RequestInit, replay?: Replay) => Promise<Response>;

/** The answer to a line's request. */
export type Answer = {
  readonly status: number;
  readonly requestId: string;
  /** JSON, on one line. */
  readonly body: string;
};

export type AttemptOptions = {
  readonly door: Door;
  readonly path: string;
  readonly body: string;
  /** Headers that the API needs. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Called before each wait for the time that a refusal tells, and with undefined after it. */
  readonly onWait?: (wait: Wait | undefined) => void;
  readonly signal: AbortSignal;
  readonly clock: Clock;
};

/** A request was refused, and waits to be made again. */
export type Wait = {
  readonly status: number;
  readonly untilMs: number;
  /** Whether it takes so long, or comes so often one after another, that others should have its place. */
  readonly isLong: boolean;
};

/** How often a request is made that fails without a word on when to come back. */
const MAX_TRIES = 3;
const FIRST_PAUSE_MS = 1_000;

/** However long a wait is announced, it is asked again after this: a limit may be raised, and a model come back. */
const MAX_PAUSE_MS = 60_000;

/** A shorter wait is worth no other's turn, unless it is not the first. */
const LONG_MS = 2_000;
const MANY_WAITS = 3;

/**
 * Makes a line's request. An answer that says when to come back is no failure but load, and the request is made again then, as often as it takes.
 * Other failures of the server are tried a few times. Rejects with the signal's reason.
 */
export async function attempt({ door, path, body, headers, onWait, signal, clock }: AttemptOptions): Promise<Answer> {
  const init = { method: "POST", headers: { "content-type": "application/json", ...headers }, body, signal };
  for (let failures = 0, waits = 0; ; ) {
    const response = await door(path, init);
    const text = await response.text();
    // What was cut off says nothing of the request.
    signal.throwIfAborted();
    const { status } = response;
    const backMs = status === 429 || status >= 500 ? retryAfterOf(response.headers) : undefined;
    if (backMs === undefined && status >= 500) failures += 1;
    const isFinal = status < 429 || (backMs === undefined && (status < 500 || failures >= MAX_TRIES));
    if (isFinal) return { status, requestId: response.headers.get("x-request-id") ?? "", body: onOneLine(text) };
    const ms = Math.min(MAX_PAUSE_MS, backMs ?? FIRST_PAUSE_MS * 2 ** failures);
    waits = backMs === undefined ? 0 : waits + 1;
    if (waits > 0) onWait?.({ status, untilMs: clock.now() + ms, isLong: ms > LONG_MS || waits >= MANY_WAITS });
    await pause(ms, signal, clock);
    if (waits > 0) onWait?.(undefined);
  }
}

function retryAfterOf(headers: Headers): number | undefined {
  const ms = Number(headers.get("retry-after-ms") ?? Number.NaN);
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  const known = Number.isFinite(ms) ? ms : seconds * 1000;
  return Number.isFinite(known) ? Math.max(1, known) : undefined;
}

/** Has a request answered by what another server has answered already. Undefined if that is no answer. Rejects with the signal's reason. */
export async function attemptReplay(
  { door, path, body, signal }: Pick<AttemptOptions, "door" | "path" | "body" | "signal">,
  replay: Replay,
): Promise<Answer | undefined> {
  const headers = { "content-type": "application/json" };
  const response = await door(path, { method: "POST", headers, body, signal }, replay);
  const text = await response.text();
  signal.throwIfAborted();
  const { status } = response;
  const isAnswer = replay.status <= 299 ? status <= 299 : status !== 429 && status < 500;
  if (!isAnswer) return undefined;
  return { status, requestId: response.headers.get("x-request-id") ?? "", body: onOneLine(text) };
}

/** JSON as it is, except that it may have line breaks between its values; what is no JSON as a text. */
function onOneLine(text: string): string {
  try {
    JSON.parse(text);
    return text.replaceAll(/[\r\n]+/g, " ").trim();
  } catch {
    return JSON.stringify(text);
  }
}

/** Waits. Rejects with the signal's reason. */
export async function pause(ms: number, signal: AbortSignal, clock: Clock): Promise<void> {
  // So that a door that always sends away at once can't take the loop for itself.
  await setImmediate();
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const cancel = clock.after(ms, () => {
      signal.removeEventListener("abort", leave);
      resolve();
    });
    function leave(): void {
      cancel();
      reject(signal.reason);
    }
    signal.addEventListener("abort", leave, { once: true });
  });
}
