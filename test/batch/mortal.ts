import { open } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import type { OutputFile } from "../../src/batch/ledger.ts";
import type { BatchQueue } from "../../src/store/batches.ts";
import type { openRunner } from "./support.ts";

/** Every write that it has begun may be half done when it ends. */
export class Life {
  readonly died = Promise.withResolvers<void>();
  /** All batches have ended. */
  readonly ended = Promise.withResolvers<void>();
  readonly #open = new Set<{ close: () => unknown }>();
  #stepsLeft: number;
  isDead = false;

  constructor(steps: number) {
    this.#stepsLeft = steps;
  }

  /** Nothing that happens after the last step is seen by anybody. */
  step(): void {
    this.#stepsLeft -= 1;
    if (this.#stepsLeft < 0) this.kill();
    if (this.isDead) throw new Error("This process is dead.");
  }

  async asyncStep(): Promise<void> {
    try {
      this.step();
    } catch {
      await new Promise(() => {});
    }
  }

  owns<T extends { close: () => unknown }>(handle: T): T {
    this.#open.add(handle);
    return handle;
  }

  kill(): void {
    if (this.isDead) return;
    this.isDead = true;
    for (const handle of this.#open) handle.close();
    this.died.resolve();
  }
}

export async function openMortal(path: string, life: Life): Promise<OutputFile> {
  await (await open(path, "a")).close();
  const file = life.owns(await open(path, "r+"));
  return {
    async write(bytes: NodeJS.ArrayBufferView, offset = 0, length = 0, position = 0) {
      // Half of it is written before the step in which it may die.
      const half = await file.write(bytes, offset ?? 0, Math.ceil((length ?? 0) / 2), position ?? 0);
      await life.asyncStep();
      return half;
    },
    async datasync() {
      await life.asyncStep();
      await file.datasync();
      await life.asyncStep();
    },
    async truncate(length?: number) {
      await life.asyncStep();
      await file.truncate(length);
    },
    async close() {
      await life.asyncStep();
      await file.close();
    },
  } as OutputFile;
}

/** Each of its writes may be the last step, or the first that nobody sees. */
export function mortalQueue(queue: BatchQueue, life: Life): BatchQueue {
  return {
    ...queue,
    change(...given) {
      life.step();
      const isChanged = queue.change(...given);
      life.step();
      if (isChanged && queue.unfinished().length === 0) life.ended.resolve();
      return isChanged;
    },
    record(...given) {
      life.step();
      const status = queue.record(...given);
      life.step();
      return status;
    },
    unfinished() {
      life.step();
      return queue.unfinished();
    },
  };
}

/** Runs until all batches have ended, or the process dies. */
export async function liveAndDie(life: Life, { runner, state }: ReturnType<typeof openRunner>, isOver: boolean) {
  if (isOver) life.ended.resolve();
  runner.wake();
  await Promise.race([life.ended.promise, life.died.promise]);
  await Promise.race([runner.stop(), life.died.promise]);
  for (let turns = 0; turns < 3; turns++) await setImmediate();
  if (!life.isDead) life.kill();
  state.close();
}
