import type { Context } from "hono";
import { LRUCache } from "lru-cache";
import type { Outcome } from "../../store/responses.ts";
import type { TenantState } from "../../store/state.ts";
import type { HttpEnv } from "../context.ts";

/** A connection's responses that are not stored, for later ones to continue. */
export type ConnectionMemory = {
  /** Returns `state` together with the connection's responses. */
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
    // A stored response is read from the store, so that it can be deleted there.
    if (outcome.keep || this.#isClosed) return;
    this.#pool.change(this, () => this.#outcomes.set(outcome.record.id, outcome));
  }

  /** For the pool, which counts the bytes. */
  clear(): void {
    this.#outcomes.clear();
  }

  close(): void {
    this.#isClosed = true;
    this.#pool.change(this, () => this.clear());
  }
}

/** The memories that aren't empty, least recently used first, and their total size. */
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
 * Creates the memories of connections, each with a limit in bytes. Beyond it a memory drops its least recently used responses.
 *
 * @param maxBytes the limit of all together; beyond it the least recently used memory is emptied
 */
export function createMemories(maxBytes: number): (connectionBytes: number) => ConnectionMemory {
  const pool = new Pool(maxBytes);
  return (connectionBytes) => new Memory(connectionBytes, pool);
}

/** Returns the memory of the request's connection; undefined if it has none. */
export function memoryOf(c: Context<HttpEnv>): ConnectionMemory | undefined {
  const { memory } = Object(c.env);
  return memory instanceof Memory ? memory : undefined;
}

function sizeOf({ record, context, input, output }: Outcome): number {
  return [record, ...context, ...input, ...output].reduce((sum, { id, body }) => sum + id.length + body.length, 0);
}
