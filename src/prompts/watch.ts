import { watch as watchFile } from "node:fs";

/** Events within this time are one change: editors write a file in several steps, and a checkout writes many files. */
const QUIET_MS = 200;

export type WatchOptions = {
  readonly folder: string;
  readonly onChange: () => void;
  /** Called if the folder can't be watched, or no longer. */
  readonly onError: (error: unknown) => void;
  /** Calls back once after `delayMs`, unless the returned function is called first. A timer by default. */
  readonly after?: (delayMs: number, callback: () => void) => () => void;
  /** Reports every change in a folder until the returned function is called. Node's `fs.watch` by default. */
  readonly watch?: (folder: string, onEvent: () => void, onError: (error: unknown) => void) => () => void;
};

/** Calls `onChange` shortly after the last of several changes in `folder`. Returns a function that stops it. */
export function watchFolder({
  folder,
  onChange,
  onError,
  after = afterDelay,
  watch = watchWithNode,
}: WatchOptions): () => void {
  let cancel = () => {};
  const close = watch(
    folder,
    () => {
      cancel();
      cancel = after(QUIET_MS, onChange);
    },
    onError,
  );
  return () => {
    cancel();
    close();
  };
}

function afterDelay(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMs).unref();
  return () => clearTimeout(timer);
}

function watchWithNode(folder: string, onEvent: () => void, onError: (error: unknown) => void): () => void {
  try {
    // The watcher must not keep the process alive.
    const watcher = watchFile(folder, { persistent: false }, onEvent);
    watcher.on("error", onError);
    return () => watcher.close();
  } catch (error) {
    onError(error);
    return () => {};
  }
}
