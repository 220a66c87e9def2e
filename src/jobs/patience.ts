import { pause } from "../batch/attempt.ts";
import type { Clock } from "../clock.ts";
import { StateError } from "../store/errors.ts";

/** Asks what gateways share until it answers. */
export type Patience = {
  /** Rejects with the signal's reason, and with what is no failure of the store. */
  readonly wait: <T>(ask: () => Promise<T>) => Promise<T>;
  /** Why it waits, in a sentence for clients; undefined if it doesn't. */
  readonly reason: () => string | undefined;
};

const RETRY_MS = 1_000;

export function createPatience(signal: AbortSignal, clock: Clock): Patience {
  const reasons = new Set<{ readonly text: string }>();

  return {
    async wait(ask) {
      for (;;) {
        signal.throwIfAborted();
        try {
          return await ask();
        } catch (error) {
          if (!(error instanceof StateError)) throw error;
          const reason = { text: error.forClients };
          reasons.add(reason);
          await pause(RETRY_MS, signal, clock).finally(() => reasons.delete(reason));
        }
      }
    },
    reason() {
      const [first] = reasons;
      return first?.text;
    },
  };
}
