import type { Berth, Memory } from "../../src/residence/memory.ts";
import type { Process } from "../../src/residence/resident.ts";
import type { FakeClock } from "../fake-clock.ts";

const MIB = 1024 ** 2;

export type FakeOptions = {
  readonly mib: number;
  readonly loadMs?: number;
  readonly isPinned?: boolean;
  readonly isReserved?: boolean;
  readonly keepLoadedMs?: number;
  /** What it really takes once it has loaded; what was estimated by default. */
  readonly realMib?: number;
};

/** A model whose process loads, answers and ends on a fake clock, as the life cycle of an engine does. */
export type FakeModel = {
  readonly berth: Berth;
  readonly state: Process["state"];
  /** How often it was loaded. */
  readonly loads: number;
  readonly errors: readonly Error[];
  /** A request that is answered for `ms` once the model has loaded. Returns a function that tells whether it has ended, and one to leave. */
  ask(
    ms: number,
    tenant?: string,
  ): { readonly isDone: () => boolean; readonly waitedMs: () => number | undefined; leave(): void };
};

type Request = { readonly ms: number; readonly askedMs: number; begunMs?: number; isDone: boolean; end(): void };

export function addModel(memory: Memory, clock: FakeClock, id: string, options: FakeOptions): FakeModel {
  const { mib, loadMs = 1_000, isPinned = false, isReserved = false, keepLoadedMs, realMib = mib } = options;
  const listeners: ((state: Process["state"]) => void)[] = [];
  const waiting = new Set<Request>();
  const running = new Set<Request>();
  const errors: Error[] = [];
  let state: Process["state"] = "unloaded";
  let leaveRoom: (() => void) | undefined;
  let loads = 0;

  const berth = memory.join({
    ...{ id, isPinned, isReserved, keepLoadedMs },
    sizeBytes: mib * MIB,
    estimateBytes: mib * MIB,
  });

  function change(next: Process["state"]): void {
    state = next;
    for (const listener of listeners) listener(next);
  }

  function load(): void {
    change("loading");
    let isRefused = false;
    const leave = berth.room.take(
      () => {
        loads += 1;
        clock.after(loadMs, () => {
          if (state !== "loading") return;
          change("ready");
          pump();
        });
      },
      (error) => {
        isRefused = true;
        errors.push(error);
        change("unloaded");
      },
    );
    if (!isRefused) leaveRoom = leave;
  }

  function exit(): void {
    leaveRoom?.();
    leaveRoom = undefined;
    change("unloaded");
    if (waiting.size > 0) load();
  }

  function pump(): void {
    if (state !== "ready") return;
    for (const request of [...waiting]) {
      waiting.delete(request);
      running.add(request);
      request.begunMs = clock.now();
      clock.after(request.ms, () => request.end());
    }
  }

  const process: Process = {
    get state() {
      return state;
    },
    get isBusy() {
      return running.size > 0;
    },
    get memoryBytes() {
      return state === "ready" ? realMib * MIB : undefined;
    },
    onStateChange(listener) {
      listeners.push(listener);
      return () => {};
    },
    async unload() {
      if (state === "loading" && leaveRoom !== undefined && loads === 0) exit();
      else if (state === "ready") {
        change("unloading");
        if (running.size === 0) clock.after(100, exit);
      } else if (state === "loading") exit();
    },
  };
  berth.follow(process);
  berth.onRefused((error) => {
    for (const request of [...waiting]) request.end();
    errors.push(error);
  });

  return {
    berth,
    get state() {
      return state;
    },
    get loads() {
      return loads;
    },
    errors,
    ask(ms, tenant) {
      const unuse = berth.use(tenant);
      const request: Request = {
        ...{ ms, askedMs: clock.now(), isDone: false },
        end() {
          if (request.isDone) return;
          request.isDone = true;
          waiting.delete(request);
          running.delete(request);
          unuse();
          if (state === "unloading" && running.size === 0) clock.after(100, exit);
        },
      };
      waiting.add(request);
      if (state === "unloaded") load();
      else pump();
      return {
        isDone: () => request.isDone,
        waitedMs: () => (request.begunMs === undefined ? undefined : request.begunMs - request.askedMs),
        leave: () => request.end(),
      };
    },
  };
}
