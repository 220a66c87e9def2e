import type { Context, MiddlewareHandler } from "hono";
import type { Access } from "../../keys/access.ts";
import type { Key } from "../../keys/key.ts";
import type { KeyRing } from "../../keys/ring.ts";
import type { Caller, HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";

/** What an official client of OpenAI is told, by which gateways in front of this one know what is wrong (docs/api.md). */
const INCORRECT = "Incorrect API key provided";

const HOW_TO = "Send it in the header `Authorization: Bearer KEY`, or in `x-api-key`";

/**
 * Lets in who shows a key, in `Authorization: Bearer` or in Anthropic's `x-api-key`, and everybody as long as there are no keys. Others
 * get a 401 that never repeats what they sent.
 *
 * @param access undefined for a gateway that knows no keys
 */
export function authenticate(access: Access | undefined): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    // Without keys an app that this one is mounted in may have said who calls.
    if (access?.keys.isOn() !== true) return next();
    const key = readKey(c, access.keys);
    c.set("key", key);
    c.set("meter", access.meter);
    c.set("caller", callerOf(key));
    await next();
  };
}

function readKey(c: Context<HttpEnv>, ring: KeyRing): Key {
  const facts = c.get("facts");
  const shown = [bearerOf(c.req.header("authorization")), c.req.header("x-api-key")].filter(
    (text) => text !== undefined,
  );
  if (shown.length === 0) throw refusal(`${INCORRECT}: none. You didn't provide an API key. ${HOW_TO}.`);
  for (const secret of shown) {
    const verdict = ring.check(secret);
    if (verdict.type === "unknown") continue;
    facts.key = { id: verdict.key.id, name: verdict.key.name };
    if (verdict.type === "known") return verdict.key;
    const since = new Date(verdict.sinceMs).toISOString();
    throw refusal(
      verdict.reason === "key"
        ? `${INCORRECT}: this API key expired at ${since}. Ask for another.`
        : `${INCORRECT}: this API key was replaced by another at ${since}. Use the new one.`,
    );
  }
  throw refusal(`${INCORRECT}. ${HOW_TO}. Ask whoever runs this gateway for one.`);
}

function callerOf({ id, policy }: Key): Caller {
  const { class: priority, maxWaitMs } = policy;
  return { tenant: id, priority, bestPriority: priority, ...(maxWaitMs !== undefined && { maxWaitMs }) };
}

function bearerOf(header: string | undefined): string | undefined {
  return /^bearer +(\S+) *$/i.exec(header ?? "")?.[1];
}

function refusal(message: string): HttpError {
  return new HttpError(401, message, "invalid_api_key");
}
