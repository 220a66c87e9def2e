/** In each turn of the event loop, no request begins later than this after the first, in ms. */
const MOST_TURN_MS = 1;

/** So many requests begin in one turn at most: a hit of the cache takes about 0.1 ms. */
const MOST_IN_TURN = 8;

/** So long connections that are opened come before requests, in ms. */
const MOST_HELD_MS = 5;

/** Those that have begun and go on, and those that have yet to begin. */
const begun: (() => void)[] = [];
const fresh: (() => void)[] = [];
/** Steps of this turn that are still to come. */
let planned = 0;
let hasNewConnection = false;
/** Whether this turn is left to connections that are opened. */
let isHeld = false;
let turnMs = 0;
let lastMs = Number.NEGATIVE_INFINITY;

/**
 * Ends when a request may go on: those that have begun first, and in each turn of the event loop only as many as take a millisecond together.
 * Requests that come together would otherwise be handled in one turn, and all else, such as probes and the text of other clients' streams, would
 * wait for the last of them.
 */
export function takeTurn(hasBegun = false): Promise<void> {
  return new Promise((resolve) => {
    (hasBegun ? begun : fresh).push(resolve);
    planTurn();
  });
}

/**
 * Tells of a connection that was opened. libuv opens one in each turn: of those that wait for it none can be told apart yet, so turns with one
 * are kept short.
 */
export function noteConnection(): void {
  hasNewConnection = true;
}

/** Steps that are planned together run in one turn, each with what it sets off. */
function planTurn(): void {
  if (planned > 0) return;
  planned = Math.min(begun.length + fresh.length, MOST_IN_TURN);
  for (let step = 0; step < planned; step++) setImmediate(takeStep, step === 0);
}

function takeStep(isFirst: boolean): void {
  const nowMs = performance.now();
  if (isFirst) {
    turnMs = nowMs;
    isHeld = hasNewConnection && nowMs - lastMs < MOST_HELD_MS;
    hasNewConnection = false;
  }
  const isOver = isHeld || nowMs - turnMs >= MOST_TURN_MS;
  const next = isOver ? undefined : (begun.shift() ?? fresh.shift());
  planned -= 1;
  if (planned === 0 && begun.length + fresh.length > 0) planTurn();
  if (next === undefined) return;
  lastMs = nowMs;
  next();
}
