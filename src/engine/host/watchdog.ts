import type { Clock } from "../../clock.ts";
import type { SupervisionPolicy } from "./policy.ts";

/** The heartbeat timeout is divided into this many checks. */
const CHECKS = 10;

/** Detects a worker that hangs. */
type Watchdog = {
  /** The worker loads its model. Only the load timeout applies, because loading may block heartbeats. */
  loading(): void;
  /** The worker must send heartbeats. */
  loaded(): void;
  heartbeat(decodingForMs: number): void;
  /** The worker must exit by itself. */
  exiting(): void;
  stop(): void;
};

type WatchdogOptions = {
  readonly clock: Clock;
  readonly policy: Pick<SupervisionPolicy, "loadTimeoutMs" | "heartbeatTimeoutMs" | "decodeTimeoutMs" | "stopGraceMs">;
  /** Called at most once between `loading` and `stop`, with a clause that says what the worker did not do. */
  readonly onHung: (reason: string) => void;
};

export function createWatchdog({ clock, policy, onHung }: WatchdogOptions): Watchdog {
  let cancel: (() => void) | undefined;
  let beating = false;
  let checksWithoutHeartbeat = 0;

  function stop(): void {
    cancel?.();
    cancel = undefined;
    beating = false;
  }

  function hung(reason: string): void {
    stop();
    onHung(reason);
  }

  // Ten checks rather than one long timer: after this process was suspended (Ctrl-Z, a laptop's lid), timers fire before waiting
  // heartbeats are read. With several checks this costs only one of them, and no healthy worker is killed.
  function check(): void {
    checksWithoutHeartbeat += 1;
    if (checksWithoutHeartbeat > CHECKS) {
      hung(`the engine's process hung: it sent no heartbeat for ${policy.heartbeatTimeoutMs / 1000} s`);
    } else {
      cancel = clock.after(policy.heartbeatTimeoutMs / CHECKS, check);
    }
  }

  return {
    loading() {
      stop();
      cancel = clock.after(policy.loadTimeoutMs, () =>
        hung(`the model did not load within ${policy.loadTimeoutMs / 1000} s`),
      );
    },
    loaded() {
      stop();
      beating = true;
      checksWithoutHeartbeat = 0;
      check();
    },
    heartbeat(decodingForMs) {
      if (!beating) return;
      checksWithoutHeartbeat = 0;
      if (decodingForMs > policy.decodeTimeoutMs) {
        hung(`the engine's process hung: one native call took longer than ${policy.decodeTimeoutMs / 1000} s`);
      }
    },
    exiting() {
      stop();
      cancel = clock.after(policy.stopGraceMs, () => hung("the engine's process did not exit by itself"));
    },
    stop,
  };
}
