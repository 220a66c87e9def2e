import { setImmediate } from "node:timers/promises";
import type { Clock } from "../clock.ts";

/** Sends a request into the gateway, under a key and at batch class. */
export type Door = (path: string, init: RequestInit) => Promise<Response>;

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
  readonly signal: AbortSignal;
  readonly clock: Clock;
};

/** How often a request is made that fails without a word on when to come back. */
const MAX_TRIES = 3;
const FIRST_PAUSE_MS = 1_000;

/** However long a wait is announced, it is asked again after this: a limit may be raised, and a model come back. */
const MAX_PAUSE_MS = 60_000;

/**
 * Makes a line's request. An answer that says when to come back is no failure but load, and the request is made again then, as often as it takes.
 * Other failures of the server are tried a few times. Rejects with the signal's reason.
 */
export async function attempt({ door, path, body, headers, signal, clock }: AttemptOptions): Promise<Answer> {
  const init = { method: "POST", headers: { "content-type": "application/json", ...headers }, body, signal };
  for (let failures = 0; ; ) {
    const response = await door(path, init);
    const text = await response.text();
    // What was cut off says nothing of the request.
    signal.throwIfAborted();
    const { status } = response;
    const backMs = status === 429 || status >= 500 ? retryAfterOf(response.headers) : undefined;
    if (backMs === undefined && status >= 500) failures += 1;
    const isFinal = status < 429 || (backMs === undefined && (status < 500 || failures >= MAX_TRIES));
    if (isFinal) return { status, requestId: response.headers.get("x-request-id") ?? "", body: onOneLine(text) };
    await pause(Math.min(MAX_PAUSE_MS, backMs ?? FIRST_PAUSE_MS * 2 ** failures), signal, clock);
  }
}

function retryAfterOf(headers: Headers): number | undefined {
  const ms = Number(headers.get("retry-after-ms") ?? Number.NaN);
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  const known = Number.isFinite(ms) ? ms : seconds * 1000;
  return Number.isFinite(known) ? Math.max(1, known) : undefined;
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
