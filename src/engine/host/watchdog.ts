import type { Clock } from "../../clock.ts";
import type { SupervisionPolicy } from "./policy.ts";

/** The heartbeat's timeout is counted in so many looks. */
const LOOKS = 10;

/** Notices a worker that hangs. */
type Watchdog = {
  /** From now on the worker loads its model. Only the load timeout counts: loading may hold up the worker's heartbeats. */
  loading(): void;
  /** From now on the worker must send heartbeats. */
  loaded(): void;
  heartbeat(decodingForMs: number): void;
  /** From now on the worker is to exit by itself. */
  exiting(): void;
  stop(): void;
};

type WatchdogOptions = {
  readonly clock: Clock;
  readonly policy: Pick<SupervisionPolicy, "loadTimeoutMs" | "heartbeatTimeoutMs" | "decodeTimeoutMs" | "stopGraceMs">;
  /** Called at most once between a `loading` and its `stop`, with a clause that says what was waited for. */
  readonly onHung: (reason: string) => void;
};

export function createWatchdog({ clock, policy, onHung }: WatchdogOptions): Watchdog {
  let cancel: (() => void) | undefined;
  let beating = false;
  let looksWithoutHeartbeat = 0;

  function stop(): void {
    cancel?.();
    cancel = undefined;
    beating = false;
  }

  function hung(reason: string): void {
    stop();
    onHung(reason);
  }

  // Ten looks rather than one long timer: when this process itself was held up or suspended (Ctrl-Z, a laptop's lid), timers fire
  // before the heartbeats that wait in the channel are read. One late look is then all that is missed, and no healthy worker is killed.
  function look(): void {
    looksWithoutHeartbeat += 1;
    if (looksWithoutHeartbeat > LOOKS) {
      hung(`the engine's process hung: it sent no heartbeat for ${policy.heartbeatTimeoutMs / 1000} s`);
    } else {
      cancel = clock.after(policy.heartbeatTimeoutMs / LOOKS, look);
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
      looksWithoutHeartbeat = 0;
      look();
    },
    heartbeat(decodingForMs) {
      if (!beating) return;
      looksWithoutHeartbeat = 0;
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
