import { watch as watchFile } from "node:fs";

/** Editors write a file in several steps, and a checkout writes many: what follows within this time is one change. */
const QUIET_MS = 200;

export type WatchOptions = {
  readonly folder: string;
  readonly onChange: () => void;
  /** Told when the folder can't be watched, or no longer. */
  readonly onError: (error: unknown) => void;
  /** Calls back once after `delayMs`, unless the returned function is called first; the machine's clock unless given. */
  readonly after?: (delayMs: number, callback: () => void) => () => void;
  /** Reports every change in a folder until the returned function is called; Node's `fs.watch` unless given. */
  readonly watch?: (folder: string, onEvent: () => void, onError: (error: unknown) => void) => () => void;
};

/** Calls `onChange` once things in `folder` have been quiet for a moment after a change. Returns how to stop. */
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
    // It must not keep a process alive that has nothing else to do.
    const watcher = watchFile(folder, { persistent: false }, onEvent);
    watcher.on("error", onError);
    return () => watcher.close();
  } catch (error) {
    onError(error);
    return () => {};
  }
}
