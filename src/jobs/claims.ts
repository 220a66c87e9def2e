import type { Entry } from "../batch/writer.ts";
import type { BatchStatus } from "../store/batches.ts";
import { COST_UNITS, statusOf } from "./batch-rows.ts";
import { numberOf, textOf, wordsOf } from "./replies.ts";
import { CLAIM, COMMIT, LEAVE, PUT_INDEX, RENEW, TAKE_PREPARATION } from "./scripts.ts";
import type { SharedStore } from "./store.ts";

/** Lines that one gateway has taken. */
export type Block = {
  /** The number of its first line. */
  readonly line: number;
  /** Where that line begins. */
  readonly offset: number;
  readonly lines: number;
  /** Those that have no result. */
  readonly open: ReadonlySet<number>;
};

/** How a batch is. */
export type Situation = {
  /** Undefined if it is gone. */
  readonly status: BatchStatus | undefined;
  readonly total: number;
  readonly counts: Readonly<Record<"completed" | "failed" | "expired" | "cancelled", number>>;
  readonly outputBytes: number;
  readonly errorBytes: number;
  /** What the files of its tenant take, with the results of its batches, and those of all. */
  readonly tenantBytes: number;
  readonly allBytes: number;
  /** How many gateways work on it. */
  readonly workers: number;
};

/** One gateway's share of the work on a batch. */
export type Claims = {
  /** Returns whether this gateway is to prepare it: nobody else does. */
  readonly takePreparation: () => Promise<boolean>;
  readonly putIndex: (index: BlockIndex) => Promise<void>;
  /** Takes the next lines that nobody has; undefined if there are none now. */
  readonly claim: () => Promise<Block | undefined>;
  /** Writes results, each once. */
  readonly commit: (entries: readonly Entry[]) => Promise<Situation>;
  /** Keeps what was taken. @param paused why this gateway makes no requests; empty if it does */
  readonly renew: (perSecond: number | undefined, paused: string) => Promise<Situation>;
  /** Gives back what was taken. */
  readonly leave: () => Promise<void>;
};

/** Where the blocks of a batch's lines begin. */
export type BlockIndex = {
  readonly blockLines: number;
  readonly blocks: number;
  readonly total: number;
  readonly offsets: Buffer;
};

/** A gateway that was not heard of for so long has ended: others take its lines. */
export const LEASE_MS = 6_000;

export function createClaims(store: SharedStore, batch: { id: string; tenant: string }, gateway: string): Claims {
  const { id, tenant } = batch;
  /** The blocks that this gateway has, with their lines that have no result. */
  const held = new Map<number, Set<number>>();
  let size = 1;
  let isPreparing = false;

  async function claim(): Promise<Block | undefined> {
    for (;;) {
      const [block, lineCount, offset, lines, done] = wordsOf(await store.call(CLAIM, id, gateway, LEASE_MS));
      if (block == null || !Buffer.isBuffer(offset) || !Buffer.isBuffer(done)) return undefined;
      const number = numberOf(block);
      // One of its own whose lease had run out: it is taken again, and goes on.
      if (held.has(number)) continue;
      size = numberOf(lineCount);
      const line = number * size;
      // Redis counts bits from the highest of the first byte; the last bytes may be missing.
      const isDone = (at: number) => (((done[at >> 3] ?? 0) >> (7 - (at & 7))) & 1) === 1;
      const open = Array.from({ length: numberOf(lines) }, (_, at) => at).filter((at) => !isDone(at));
      held.set(number, new Set(open.map((at) => line + at)));
      return {
        line,
        offset: Number(offset.readBigUInt64BE()),
        lines: numberOf(lines),
        open: new Set(held.get(number)),
      };
    }
  }

  function release(line: number): void {
    const block = Math.floor(line / size);
    const open = held.get(block);
    open?.delete(line);
    if (open?.size === 0) held.delete(block);
  }

  return {
    async takePreparation() {
      isPreparing = (await store.call(TAKE_PREPARATION, id, gateway, LEASE_MS)) === 1;
      return isPreparing;
    },
    async putIndex({ blockLines, blocks, total, offsets }) {
      isPreparing = false;
      await store.call(PUT_INDEX, id, blockLines, blocks, total, offsets);
    },
    claim,
    async commit(entries) {
      const words = entries.flatMap(({ line, fate, isError, text, usage }) => [
        ...[line, fate, isError ? 1 : 0, `${text}\n`],
        ...[usage?.input ?? 0, usage?.cached ?? 0, usage?.output ?? 0, usage?.reasoning ?? 0],
        Math.round((usage?.cost ?? 0) * COST_UNITS),
      ]);
      const situation = situationOf(await store.call(COMMIT, id, tenant, ...words));
      for (const { line } of entries) release(line);
      return situation;
    },
    async renew(perSecond, paused) {
      const words = [
        gateway,
        LEASE_MS,
        perSecond ?? "",
        paused,
        ...held.keys(),
        ...(isPreparing ? ["preparation"] : []),
      ];
      return situationOf(await store.call(RENEW, id, tenant, ...words));
    },
    async leave() {
      await store.call(LEAVE, id, gateway, ...held.keys(), ...(isPreparing ? ["preparation"] : []));
      held.clear();
      isPreparing = false;
    },
  };
}

function situationOf(reply: unknown): Situation {
  const [status, total, completed, failed, expired, cancelled, output, error, tenant, all, workers] = wordsOf(reply);
  const name = textOf(status) ?? "";
  return {
    status: name === "" ? undefined : statusOf(name),
    total: numberOf(total),
    counts: {
      completed: numberOf(completed),
      failed: numberOf(failed),
      expired: numberOf(expired),
      cancelled: numberOf(cancelled),
    },
    outputBytes: numberOf(output),
    errorBytes: numberOf(error),
    tenantBytes: numberOf(tenant),
    allBytes: numberOf(all),
    workers: numberOf(workers),
  };
}
