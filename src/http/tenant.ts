import type { Context } from "hono";
import { OWN_TERMS } from "../generation/terms.ts";
import type { State, TenantState } from "../store/state.ts";
import type { HttpEnv } from "./context.ts";

/** What the caller has stored, and nobody else. Without keys everything is everybody's. */
export function stateOf(c: Context<HttpEnv>, state: State): TenantState {
  const tenant = c.get("caller")?.tenant ?? OWN_TERMS.tenant;
  return tenant === OWN_TERMS.tenant ? state : state.of(tenant);
}
