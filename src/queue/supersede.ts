import { SupersededError } from "../generation/errors.ts";

/** Lets a later request with the same id supersede an earlier one. */
export type Superseding = {
  /**
   * Supersedes what this tenant runs under `id`: that is aborted with a `SupersededError`. A request in several parts, such as a batch of
   * prompts, doesn't supersede itself.
   * @returns a signal that is aborted when a later request supersedes this one or `signal` is aborted, and a function to call at the end
   */
  take(of: { tenant: string; id: string; requestId: string }, signal: AbortSignal): Taken;
  readonly size: number;
};

type Taken = { readonly signal: AbortSignal; readonly end: () => void };

type Holder = { readonly requestId: string; readonly parts: Set<AbortController> };

export function createSuperseding(): Superseding {
  const holders = new Map<string, Holder>();

  return {
    get size() {
      return holders.size;
    },
    take({ tenant, id, requestId }, signal) {
      const key = JSON.stringify([tenant, id]);
      let holder = holders.get(key);
      if (holder?.requestId !== requestId) {
        const older = holder;
        holder = { requestId, parts: new Set() };
        holders.set(key, holder);
        for (const part of older?.parts ?? []) part.abort(new SupersededError());
      }
      const own = holder;
      const part = new AbortController();
      own.parts.add(part);
      return {
        signal: AbortSignal.any([signal, part.signal]),
        end() {
          own.parts.delete(part);
          if (own.parts.size === 0 && holders.get(key) === own) holders.delete(key);
        },
      };
    },
  };
}
