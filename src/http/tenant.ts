import type { Context } from "hono";
import type { KeptBy } from "../generation/backend.ts";
import type { Asker } from "../generation/model.ts";
import { OWN_TERMS, type Terms } from "../generation/terms.ts";
import type { Shelf } from "../store/shelf.ts";
import type { State, TenantState } from "../store/state.ts";
import type { HttpEnv } from "./context.ts";
import { memoryOf } from "./websocket/memory.ts";

/** Returns the tenant that the caller's requests are charged to. */
export function tenantOf(c: Context<HttpEnv>): string {
  return c.get("caller")?.tenant ?? OWN_TERMS.tenant;
}

/** Returns by whose word the caller says how long a model stays loaded. */
export function keptBy(c: Context<HttpEnv>): KeptBy {
  return { tenant: tenantOf(c), isForAll: c.get("key")?.policy.admin === true };
}

/** Returns the client of a request other than a generation. @param signal aborted when the client disconnects */
export function askerOf(c: Context<HttpEnv>, signal: AbortSignal): Asker {
  return askerFor(c.get("caller") ?? OWN_TERMS, signal);
}

/** The same, with a request's terms. */
export function askerFor(
  { tenant, priority, localOnly }: Pick<Terms, "tenant" | "priority" | "localOnly">,
  signal: AbortSignal,
): Asker {
  return { tenant, priority, signal, ...(localOnly === true && { localOnly }) };
}

/** Returns the caller's own stored objects, and those in its connection's memory. Without keys all clients share one store. */
export function stateOf(c: Context<HttpEnv>, state: State): TenantState {
  const tenant = tenantOf(c);
  const stored = tenant === OWN_TERMS.tenant ? state : state.of(tenant);
  return memoryOf(c)?.over(stored) ?? stored;
}

/** Where files and batches are: in the state file, unless gateways share them. */
export type ShelfDeps = {
  readonly state: State;
  /** A tenant's files and batches that gateways share. */
  readonly shelf?: ((tenant: string) => Shelf) | undefined;
};

/** Returns the caller's own files and batches. */
export function shelfOf(c: Context<HttpEnv>, { state, shelf }: ShelfDeps): Shelf {
  if (shelf !== undefined) return shelf(tenantOf(c));
  const { files, batches, uploads } = stateOf(c, state);
  return { files, batches, uploads, reads: state.batchQueue.reads };
}

/** The approximate size of what is stored with a request: its answer, ids and names. */
const KEPT_BYTES = 64 * 1024;

/**
 * Throws `StateError` before the model runs if there is no room to store the result. Storing it may still fail later.
 */
export function assertRoom(c: Context<HttpEnv>, state: Pick<TenantState, "assertRoom">): void {
  const bytes = Number(c.req.header("content-length") ?? 0);
  state.assertRoom(KEPT_BYTES + (Number.isFinite(bytes) ? bytes : 0));
}

/** The same for a file or a batch, which needs none here if gateways share it. */
export function assertShelfRoom(c: Context<HttpEnv>, { state, shelf }: ShelfDeps): void {
  if (shelf === undefined) assertRoom(c, stateOf(c, state));
}
