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
};

class Memory implements ConnectionMemory {
  readonly #outcomes: LRUCache<string, Outcome>;

  constructor(maxBytes: number) {
    this.#outcomes = new LRUCache({ maxSize: maxBytes, sizeCalculation: sizeOf });
  }

  over(state: TenantState): TenantState {
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
    if (!outcome.keep) this.#outcomes.set(outcome.record.id, outcome);
  }
}

/** @param maxBytes beyond it those are forgotten that were used longest ago */
export function createMemory(maxBytes: number): ConnectionMemory {
  return new Memory(maxBytes);
}

/** That of the connection over which the request came; undefined where it came over none that remembers. */
export function memoryOf(c: Context<HttpEnv>): ConnectionMemory | undefined {
  const { memory } = Object(c.env);
  return memory instanceof Memory ? memory : undefined;
}

function sizeOf({ record, context, input, output }: Outcome): number {
  return [record, ...context, ...input, ...output].reduce((sum, { id, body }) => sum + id.length + body.length, 0);
}
