import type { Context } from "hono";
import type { Asker } from "../generation/model.ts";
import { OWN_TERMS, type Terms } from "../generation/terms.ts";
import type { State, TenantState } from "../store/state.ts";
import type { HttpEnv } from "./context.ts";
import { memoryOf } from "./websocket/memory.ts";

/** Who pays for what the caller asks for. */
function tenantOf(c: Context<HttpEnv>): string {
  return c.get("caller")?.tenant ?? OWN_TERMS.tenant;
}

/** Who asks for something that is no generation. @param signal stands for the client's connection */
export function askerOf(c: Context<HttpEnv>, signal: AbortSignal): Asker {
  return askerFor(c.get("caller") ?? OWN_TERMS, signal);
}

/** The same on the terms of a request. */
export function askerFor(
  { tenant, priority, localOnly }: Pick<Terms, "tenant" | "priority" | "localOnly">,
  signal: AbortSignal,
): Asker {
  return { tenant, priority, signal, ...(localOnly === true && { localOnly }) };
}

/** What the caller has stored, and nobody else, and what its connection remembers. Without keys everything is everybody's. */
export function stateOf(c: Context<HttpEnv>, state: State): TenantState {
  const tenant = tenantOf(c);
  const stored = tenant === OWN_TERMS.tenant ? state : state.of(tenant);
  return memoryOf(c)?.over(stored) ?? stored;
}

/** What is kept of a request takes about so much more than the request: its answer, and ids and names. */
const KEPT_BYTES = 64 * 1024;

/**
 * Throws `StateError` where what comes of the request could not be kept: before the model works for it. Its state file may still fail later.
 */
export function assertRoom(c: Context<HttpEnv>, state: TenantState): void {
  const bytes = Number(c.req.header("content-length") ?? 0);
  state.assertRoom(KEPT_BYTES + (Number.isFinite(bytes) ? bytes : 0));
}
