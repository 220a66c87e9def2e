import type { CliContext } from "../context.ts";
import { type EndSignal, InterruptedError } from "../interrupts.ts";
import type { Keyboard } from "./prompt.ts";

const CTRL_C = 3;

/** The signals of a chat: SIGINT stops an answer, and SIGTERM or SIGHUP ends the chat. */
export type Stopping = {
  /** Aborts at SIGTERM or SIGHUP, with an InterruptedError. */
  readonly ended: AbortSignal;
  /** Runs `work` with a signal that aborts at Ctrl+C, at SIGINT, or when the chat ends. What is typed meanwhile is dropped. */
  readonly whileStoppable: <T>(keyboard: Keyboard, work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
  readonly dispose: () => void;
};

export function watchStopping({ process }: Pick<CliContext, "process">): Stopping {
  const ending = new AbortController();
  let stop = () => {};
  const onInterrupt = () => stop();
  const onTerminate = (signal: EndSignal) => ending.abort(new InterruptedError(signal));
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onTerminate);
  // The terminal was closed.
  process.on("SIGHUP", onTerminate);
  return {
    ended: ending.signal,
    async whileStoppable(keyboard, work) {
      const stopping = new AbortController();
      stop = () => stopping.abort();
      const onKeys = (keys: Buffer | string) => {
        if (Buffer.from(keys).includes(CTRL_C)) stop();
      };
      // The terminal sends keys as they are pressed, and shows none of them.
      keyboard.setRawMode?.(true);
      keyboard.on("data", onKeys);
      keyboard.resume();
      try {
        return await work(AbortSignal.any([stopping.signal, ending.signal]));
      } finally {
        stop = () => {};
        keyboard.off("data", onKeys);
        keyboard.pause();
        keyboard.setRawMode?.(false);
      }
    },
    dispose() {
      process.off("SIGINT", onInterrupt);
      process.off("SIGTERM", onTerminate);
      process.off("SIGHUP", onTerminate);
    },
  };
}
