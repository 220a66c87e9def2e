import type { Context } from "hono";
import { lowerOf, type Priority } from "../../generation/terms.ts";
import type { Access } from "../../keys/access.ts";
import type { Key } from "../../keys/key.ts";
import type { KeyRing, Verdict } from "../../keys/ring.ts";
import { type InnerCaller, innerCallerOf } from "../arrival.ts";
import type { Caller, HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";
import { ANYBODY } from "../terms.ts";

/** What an official client of OpenAI is told, by which gateways in front of this one know what is wrong (docs/api.md). */
const INCORRECT = "Incorrect API key provided";

const HOW_TO = "Send it in the header `Authorization: Bearer KEY`, or in `x-api-key`";

/**
 * Lets in who shows a key, in `Authorization: Bearer` or in Anthropic's `x-api-key`, and everybody as long as there are no keys. Others
 * get a 401 that never repeats what they sent. A caller within the process is taken at its word, and shows none.
 *
 * @param access undefined for a gateway that knows no keys
 * @param isOn whether a key is needed
 */
export function authenticate(c: Context<HttpEnv>, access: Access | undefined, isOn: boolean): void {
  const inner = innerCallerOf(c);
  const ring = isOn ? access?.keys : undefined;
  const key = inner?.keyId === undefined ? ring && readKey(c, ring, inner) : readNamedKey(c, access?.keys, inner.keyId);
  if (key !== undefined) {
    c.set("key", key);
    c.set("meter", access?.meter);
  }
  // Without keys an app that this one is mounted in may have said who calls.
  if (key !== undefined || inner !== undefined) c.set("caller", callerOf(key, inner));
}

function readKey(c: Context<HttpEnv>, ring: KeyRing, inner: InnerCaller | undefined): Key {
  const header = (name: string) => (inner === undefined ? c.req.header(name) : undefined);
  const shown = [bearerOf(header("authorization")), header("x-api-key")].filter((text) => text !== undefined);
  if (shown.length === 0) throw refusal(`${INCORRECT}: none. You didn't provide an API key. ${HOW_TO}.`);
  for (const secret of shown) {
    const key = take(c, ring.check(secret));
    if (key !== undefined) return key;
  }
  throw refusal(`${INCORRECT}. ${HOW_TO}. Ask the operator of this gateway for one.`);
}

/** Where no key is needed any more, one that is gone is refused too: what it stores would be everybody's. */
function readNamedKey(c: Context<HttpEnv>, ring: KeyRing | undefined, id: string): Key {
  const key = ring && take(c, ring.checkId(id));
  if (key === undefined) throw refusal(`${INCORRECT}: the API key '${id}' is no more.`);
  return key;
}

/** Undefined where there is no such key. Throws for one that is good no more. */
function take(c: Context<HttpEnv>, verdict: Verdict): Key | undefined {
  if (verdict.type === "unknown") return undefined;
  c.get("facts").key = { id: verdict.key.id, name: verdict.key.name };
  if (verdict.type === "known") return verdict.key;
  const since = new Date(verdict.sinceMs).toISOString();
  throw refusal(
    verdict.reason === "key"
      ? `${INCORRECT}: this API key expired at ${since}. Ask for another.`
      : `${INCORRECT}: this API key was replaced by another at ${since}. Use the new one.`,
  );
}

function callerOf(key: Key | undefined, inner: InnerCaller | undefined): Caller {
  const { tenant, priority, bestPriority, maxWaitMs, localOnly, flows } = key === undefined ? ANYBODY : ownerOf(key);
  const lowest = (of: Priority) => lowerOf(of, inner?.priority ?? of);
  return {
    tenant,
    priority: lowest(priority),
    bestPriority: lowest(bestPriority),
    ...(maxWaitMs !== undefined && { maxWaitMs }),
    ...(flows === true && { flows }),
    ...(inner?.restUntilMs !== undefined && { restUntilMs: inner.restUntilMs }),
    ...(inner?.replay !== undefined && { replay: inner.replay }),
    ...((localOnly === true || inner?.localOnly === true) && { localOnly: true }),
  };
}

function ownerOf({ id, policy }: Key): Caller {
  const { class: priority, maxWaitMs, localOnly, flows } = policy;
  return {
    tenant: id,
    priority,
    bestPriority: priority,
    ...(maxWaitMs !== undefined && { maxWaitMs }),
    localOnly,
    flows,
  };
}

/** The secret in an `Authorization` header. */
export function bearerOf(header: string | undefined): string | undefined {
  return /^bearer +(\S+) *$/i.exec(header ?? "")?.[1];
}

function refusal(message: string): HttpError {
  return new HttpError(401, message, "invalid_api_key");
}
