import type { Context } from "hono";
import { lowerOf, OWN_TERMS, type Priority, type Terms } from "../generation/terms.ts";
import { InvalidRequestError } from "../protocols/errors.ts";
import type { ServiceTier } from "../protocols/service-tier.ts";
import type { Caller, HttpEnv } from "./context.ts";
import { flowOf, type Objectives, objectiveOf, promisedMs } from "./objectives.ts";
import { readVia, VIA_HEADER } from "./via.ts";
import { watchWait } from "./wait.ts";

export const MAX_WAIT_HEADER = "sluice-max-wait-ms";
export const SUPERSEDE_HEADER = "sluice-supersede";
export const LOCAL_ONLY_HEADER = "sluice-local-only";

/** A day. No client waits longer, and it fits into a 32-bit timer. */
export const MAX_WAIT_MS = 24 * 60 * 60 * 1000;
export const MAX_SUPERSEDE_ID_LENGTH = 256;

/**
 * The timeouts of official clients in seconds; 600 by default. Those in JavaScript send the whole seconds until the answer begins (openai 6
 * only if the call itself sets a timeout), those in Python the time between two reads, with a fraction.
 */
const CLIENT_TIMEOUT_HEADERS = ["x-stainless-timeout", "x-stainless-read-timeout"];

/** Any client, if no key is needed. */
export const ANYBODY: Caller = {
  tenant: OWN_TERMS.tenant,
  priority: OWN_TERMS.priority,
  bestPriority: "interactive",
  flows: true,
};

export type AskedTerms = {
  /** The body's `service_tier`; undefined means `auto`. */
  readonly serviceTier: ServiceTier | undefined;
  /** Whether a client waits for the answer, so that its timeout counts. */
  readonly isAwaited: boolean;
  /** Whether its preset keeps it on this machine. */
  readonly localOnly?: boolean | undefined;
  /** What the client calls the conversation. */
  readonly session?: string | undefined;
  /** The classes that llm-d's objectives stand for. */
  readonly objectives?: Objectives | undefined;
};

/**
 * Returns the terms for a request's wait. For an awaited request, the queue's reports are noted for its headers, its stream and the access
 * log. Throws `InvalidRequestError` if a header of Sluice's is invalid.
 *
 * @param isAwaited false where the answer is fetched later
 */
export function makeTerms(
  c: Context<HttpEnv>,
  serviceTier: ServiceTier | undefined,
  isAwaited = true,
  more: Pick<AskedTerms, "localOnly" | "session"> = {},
): Terms {
  const asked = { ...more, serviceTier, isAwaited, objectives: c.get("objectives") };
  const terms = decodeTerms((name) => c.req.header(name), c.get("caller") ?? ANYBODY, asked);
  const facts = c.get("facts");
  if (isAwaited) facts.wait = watchWait();
  return facts.trace === undefined ? terms : { ...terms, trace: facts.trace };
}

/** Decodes the headers and `asked` for this caller. Throws `InvalidRequestError` if a header of Sluice's is invalid. */
export function decodeTerms(
  header: (name: string) => string | undefined,
  caller: Caller,
  { serviceTier, isAwaited, localOnly, session, objectives }: AskedTerms,
): Terms {
  const waits = [
    decodeMaxWait(header(MAX_WAIT_HEADER)),
    promisedMs(header, MAX_WAIT_MS),
    caller.maxWaitMs,
    ...(isAwaited ? CLIENT_TIMEOUT_HEADERS.map((name) => readClientTimeout(header(name))) : []),
  ].filter((ms) => ms !== undefined);
  const supersedeId = decodeSupersedeId(header(SUPERSEDE_HEADER));
  const flow = caller.flows === true ? flowOf(header) : undefined;
  const via = readVia(header(VIA_HEADER));
  const staysHere = [caller.localOnly, localOnly, decodeLocalOnly(header(LOCAL_ONLY_HEADER))].includes(true);
  return {
    tenant: caller.tenant,
    priority: choosePriority(serviceTier ?? "auto", caller, objectiveOf(header, objectives)),
    ...(flow !== undefined && { flow }),
    ...(waits.length > 0 && { maxWaitMs: Math.min(...waits) }),
    ...(staysHere && { localOnly: true }),
    ...(caller.restUntilMs !== undefined && { restUntilMs: caller.restUntilMs }),
    ...(caller.replay !== undefined && { replay: caller.replay }),
    ...(session !== undefined && { session }),
    ...(via.length > 0 && { via }),
    ...(supersedeId !== undefined && { supersedeId }),
  };
}

/** @param objective the class that the request's objective stands for, which counts where the body says nothing */
function choosePriority(
  tier: ServiceTier,
  { priority, bestPriority }: Caller,
  objective: Priority | undefined,
): Priority {
  switch (tier) {
    case "auto":
      return objective === undefined ? priority : lowerOf(objective, bestPriority);
    case "default":
    case "scale":
      return lowerOf(priority, "default");
    case "flex":
      return "batch";
    case "priority":
      return bestPriority;
  }
}

function decodeMaxWait(text: string | undefined): number | undefined {
  if (text === undefined) {
    return undefined;
  }
  const ms = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (ms < 1 || ms > MAX_WAIT_MS) {
    throw wrongHeader(MAX_WAIT_HEADER, `a whole number of milliseconds from 1 to ${MAX_WAIT_MS}`);
  }
  return ms;
}

/** The header can't take back what the key or the preset says. */
function decodeLocalOnly(text: string | undefined): boolean {
  switch (text?.trim().toLowerCase()) {
    case undefined:
    case "0":
    case "false":
      return false;
    case "1":
    case "true":
      return true;
    default:
      throw wrongHeader(LOCAL_ONLY_HEADER, "1 or 0");
  }
}

function decodeSupersedeId(text: string | undefined): string | undefined {
  if (text !== undefined && (text.length > MAX_SUPERSEDE_ID_LENGTH || !/^[\x21-\x7e]+$/.test(text))) {
    throw wrongHeader(SUPERSEDE_HEADER, `1 to ${MAX_SUPERSEDE_ID_LENGTH} visible ASCII characters`);
  }
  return text;
}

/**
 * Returns a client's own timeout in ms. The header isn't ours, so an invalid one is ignored. So is 0, which clients send for less than a
 * second.
 */
function readClientTimeout(text: string | undefined): number | undefined {
  const isSeconds = text !== undefined && /^\d{1,15}(\.\d{1,20})?$/.test(text);
  const ms = isSeconds ? Math.floor(Number(text) * 1000) : 0;
  return ms < 1 ? undefined : Math.min(ms, MAX_WAIT_MS);
}

/** Makes the error for an invalid header of Sluice's. */
export function wrongHeader(name: string, expected: string): InvalidRequestError {
  return new InvalidRequestError(
    `Invalid header '${name}': expected ${expected}. Correct it, or leave it out.`,
    name,
    "invalid_value",
  );
}
