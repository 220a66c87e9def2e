import type { Context } from "hono";
import { LRUCache } from "lru-cache";
import type { Outcome } from "../../store/responses.ts";
import type { TenantState } from "../../store/state.ts";
import type { HttpEnv } from "../context.ts";

/** What a connection knows of its responses, so that later ones can go on from those that are not stored. */
export type ConnectionMemory = {
  /** `state`, and what the connection remembers. */
  readonly over: (state: TenantState) => TenantState;
  readonly note: (outcome: Outcome) => void;
  /** Forgets everything, for good. */
  readonly close: () => void;
};

class Memory implements ConnectionMemory {
  readonly #outcomes: LRUCache<string, Outcome>;
  readonly #pool: Pool;
  #isClosed = false;

  constructor(maxBytes: number, pool: Pool) {
    this.#outcomes = new LRUCache({ maxSize: maxBytes, sizeCalculation: sizeOf });
    this.#pool = pool;
  }

  get bytes(): number {
    return this.#outcomes.calculatedSize;
  }

  over(state: TenantState): TenantState {
    this.#pool.touch(this);
    const outcomes = this.#outcomes;
    const { responses } = state;
    return {
      ...state,
      responses: {
        ...responses,
        get: (id) => outcomes.get(id)?.record ?? responses.get(id),
        items(id) {
          const known = outcomes.get(id);
          return known === undefined ? responses.items(id) : [...known.context, ...known.input, ...known.output];
        },
        findItem(id) {
          for (const { input, output } of outcomes.values()) {
            const item = [...output, ...input].find((known) => known.id === id);
            if (item !== undefined) return item;
          }
          return responses.findItem(id);
        },
      },
    };
  }

  note(outcome: Outcome): void {
    // A stored one is looked up where it is stored, where it can also be deleted.
    if (outcome.keep || this.#isClosed) return;
    this.#pool.change(this, () => this.#outcomes.set(outcome.record.id, outcome));
  }

  /** For the pool, which counts. */
  clear(): void {
    this.#outcomes.clear();
  }

  close(): void {
    this.#isClosed = true;
    this.#pool.change(this, () => this.clear());
  }
}

/** The memories that hold anything, the one that was used longest ago first, and their size together. */
class Pool {
  readonly #memories = new Set<Memory>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  touch(memory: Memory): void {
    if (this.#memories.delete(memory)) this.#memories.add(memory);
  }

  change(memory: Memory, act: () => void): void {
    this.#count(memory, act);
    for (const oldest of this.#memories) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#count(oldest, () => oldest.clear());
    }
  }

  #count(memory: Memory, act: () => void): void {
    const before = memory.bytes;
    act();
    this.#bytes += memory.bytes - before;
    this.#memories.delete(memory);
    if (memory.bytes > 0) this.#memories.add(memory);
  }
}

/**
 * Makes the memories of connections, each with the bytes that it may hold: beyond them it forgets the responses that were used longest ago.
 *
 * @param maxBytes of all together; beyond it the connection that was used longest ago forgets everything
 */
export function createMemories(maxBytes: number): (connectionBytes: number) => ConnectionMemory {
  const pool = new Pool(maxBytes);
  return (connectionBytes) => new Memory(connectionBytes, pool);
}

/** That of the connection over which the request came; undefined where it came over none that remembers. */
export function memoryOf(c: Context<HttpEnv>): ConnectionMemory | undefined {
  const { memory } = Object(c.env);
  return memory instanceof Memory ? memory : undefined;
}

function sizeOf({ record, context, input, output }: Outcome): number {
  return [record, ...context, ...input, ...output].reduce((sum, { id, body }) => sum + id.length + body.length, 0);
}
