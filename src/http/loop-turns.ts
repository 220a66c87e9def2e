/** So long connections that are opened come before requests, in ms. */
const MOST_HELD_MS = 5;

/** Those that have begun and go on, and those that have yet to begin. */
const begun: (() => void)[] = [];
const fresh: (() => void)[] = [];
let isPlanned = false;
let hasNewConnection = false;
let lastMs = Number.NEGATIVE_INFINITY;

/**
 * Ends when a request may go on: one in each turn of the event loop, those that have begun first. Requests that come together would otherwise
 * be handled in one turn, and all else, such as probes and the text of other clients' streams, would wait for the last of them.
 */
export function takeTurn(hasBegun = false): Promise<void> {
  return new Promise((resolve) => {
    (hasBegun ? begun : fresh).push(resolve);
    planNext();
  });
}

/**
 * Tells of a connection that was opened. libuv opens one in each turn: of those that wait for it none can be told apart yet, so turns with one
 * are kept short.
 */
export function noteConnection(): void {
  hasNewConnection = true;
}

function planNext(): void {
  if (isPlanned) return;
  isPlanned = true;
  setImmediate(() => {
    isPlanned = false;
    const isHeld = hasNewConnection && performance.now() - lastMs < MOST_HELD_MS;
    hasNewConnection = false;
    const next = isHeld ? undefined : (begun.shift() ?? fresh.shift());
    if (begun.length + fresh.length > 0) planNext();
    if (next === undefined) return;
    lastMs = performance.now();
    next();
  });
}
