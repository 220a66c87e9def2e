import type { Clock } from "../clock.ts";

export type WindowOptions = {
  /** A window is full with so many lines; undefined means no limit. */
  readonly count: number | undefined;
  /** A window ends so long after its first line; undefined means never. */
  readonly ms: number | undefined;
  /** Lines with another key are in another window; undefined is a key like others. */
  readonly keyOf: (line: string) => string | undefined;
  /** Takes a window's lines. Windows end one after another, each when this has resolved for the one before. */
  readonly emit: (window: LineWindow) => Promise<void>;
  readonly clock: Clock;
};

/** Lines that are answered together. */
export type LineWindow = { readonly key: string | undefined; readonly lines: readonly string[] };

/** Gathers lines in windows. */
export type Windows = {
  /** Takes a line. Resolves when the source may go on. */
  readonly add: (line: string) => Promise<void>;
  /** Ends all windows. */
  readonly flush: () => Promise<void>;
  /** How many lines are in windows that were not taken. */
  readonly held: () => number;
};

/** A window with more characters ends. */
const MAX_CHARACTERS = 1024 * 1024;
/** With more keys the oldest window ends. */
const MAX_WINDOWS = 10_000;

type Open = {
  readonly key: string | undefined;
  readonly lines: string[];
  characters: number;
  readonly cancel: () => void;
};

export function createWindows({ count, ms, keyOf, emit, clock }: WindowOptions): Windows {
  /** The oldest first. */
  const open = new Map<string | undefined, Open>();
  let emitting = Promise.resolve();
  let held = 0;

  function end(window: Open): Promise<void> {
    window.cancel();
    open.delete(window.key);
    emitting = emitting
      .then(() => emit({ key: window.key, lines: window.lines }))
      .then(() => {
        held -= window.lines.length;
      });
    return emitting;
  }

  function begin(key: string | undefined): Open {
    const window: Open = {
      ...{ key, lines: [], characters: 0 },
      cancel: ms === undefined ? () => {} : clock.after(ms, () => void end(window).catch(() => {})),
    };
    open.set(key, window);
    return window;
  }

  return {
    async add(line) {
      const key = keyOf(line);
      const window = open.get(key) ?? begin(key);
      window.lines.push(line);
      held += 1;
      window.characters += line.length + 1;
      if (window.lines.length >= (count ?? Number.POSITIVE_INFINITY) || window.characters >= MAX_CHARACTERS) {
        await end(window);
      }
      const [oldest] = open.values();
      if (oldest !== undefined && open.size > MAX_WINDOWS) await end(oldest);
      // A window that ended by time may not have been taken yet.
      await emitting;
    },
    async flush() {
      for (const window of [...open.values()]) void end(window).catch(() => {});
      await emitting;
    },
    held: () => held,
  };
}
