import { z } from "zod";
import { KEPT_ANSWERS } from "../generation/cache.ts";
import { PRIORITIES } from "../generation/terms.ts";
import { parseEnd } from "../keys/duration.ts";
import {
  type KeyPolicy,
  MAX_BUDGET,
  MAX_LIMIT,
  MAX_MODELS,
  MAX_WAIT_MS,
  MIN_BUDGET,
  policySchema,
} from "../keys/key.ts";
import type { ListedKey } from "../keys/ring.ts";
import { InvalidRequestError } from "../protocols/errors.ts";
import { boolean, decimal, integer, listOf, string } from "../protocols/fields.ts";
import { parseWire } from "../protocols/issue.ts";

/** A field of a key's policy by its name in the API. The compiler holds the list complete. */
const FIELDS = {
  models: "models",
  class: "class",
  requestsPerMinute: "requests_per_minute",
  requestsPerDay: "requests_per_day",
  tokensPerMinute: "tokens_per_minute",
  tokensPerDay: "tokens_per_day",
  budgetPerDay: "budget_per_day",
  budgetPerMonth: "budget_per_month",
  concurrentRequests: "concurrent_requests",
  maxTokens: "max_tokens",
  maxTokensLimit: "max_tokens_limit",
  maxWaitMs: "max_wait_ms",
  cache: "cache",
  localOnly: "local_only",
  flows: "flows",
  admin: "admin",
} as const satisfies Record<keyof KeyPolicy, string>;

type PolicyField = (typeof FIELDS)[keyof KeyPolicy];

const limit = (words: string) => integer(1, MAX_LIMIT).nullish().describe(`${words} No limit if absent.`);
const budget = (words: string) => decimal(MIN_BUDGET, MAX_BUDGET).nullish().describe(`${words} No limit if absent.`);
const flag = (words: string) => boolean().nullish().describe(words);

const policyFields = {
  models: listOf(string(4096).min(1), 1, MAX_MODELS, "an array of strings")
    .nullish()
    .describe("Ids or aliases of the models that it may use; all if absent."),
  class: z.enum(PRIORITIES).nullish().describe("The priority of its requests; `default` if absent."),
  requests_per_minute: limit("Requests per minute."),
  requests_per_day: limit("Requests per day."),
  tokens_per_minute: limit("Tokens per minute, of prompts and answers together."),
  tokens_per_day: limit("Tokens per day, of prompts and answers together."),
  budget_per_day: budget("Cost per day of the calendar (UTC), in US dollars."),
  budget_per_month: budget("Cost per month of the calendar (UTC), in US dollars."),
  concurrent_requests: limit("Requests in progress at once."),
  max_tokens: limit("Tokens of answers to requests that set no length."),
  max_tokens_limit: limit("Tokens of any answer; a request for more is lowered to it."),
  max_wait_ms: integer(1, MAX_WAIT_MS).nullish().describe("The longest wait for a first token. No limit if absent."),
  cache: z.enum(KEPT_ANSWERS).nullish().describe("Which of its answers are cached; as the preset says if absent."),
  local_only: flag("Whether its requests are never sent to an upstream that is not marked as local."),
  flows: flag("Whether its requests may name flows, which share its turns."),
  admin: flag("Whether it may administer the gateway, and so create and revoke keys."),
} satisfies Record<PolicyField, z.ZodType>;

/** The body of `POST /admin/keys`. A field that isn't known is refused, since a limit that was mistyped must not be missing. */
export const newKeyForm = z.strictObject(
  {
    name: string(256)
      .min(1)
      .describe("Its name: 1 to 64 letters, digits, spaces and . _ @ / -, with a letter or digit first."),
    expires: string(64)
      .nullish()
      .describe("When it expires: a time from now such as `30d`, or a date such as `2027-01-31`. Never if absent."),
    ...policyFields,
  },
  { error: ({ code }) => (code === "unrecognized_keys" ? undefined : "an object") },
);

/** A key that is to be created. */
type NewKey = { readonly name: string; readonly expiresMs: number | undefined; readonly policy: KeyPolicy };

/** Decodes the body of `POST /admin/keys`. Throws an `InvalidRequestError` that names the field. */
export function decodeNewKey(body: unknown, nowMs: number): NewKey {
  const { name, expires, ...given } = parseWire(newKeyForm, body);
  const policy = Object.fromEntries(
    Object.entries(FIELDS).flatMap(([field, wire]) => (given[wire] == null ? [] : [[field, given[wire]]])),
  );
  return { name, expiresMs: decodeEnd(expires, nowMs), policy: policySchema.parse(policy) };
}

function decodeEnd(text: string | null | undefined, nowMs: number): number | undefined {
  if (text === null || text === undefined) return undefined;
  const endMs = parseEnd(text, nowMs);
  if (endMs !== undefined) return endMs;
  throw new InvalidRequestError(
    "Invalid 'expires': give a time from now, such as '12h' or '30d', or a future date, such as '2027-01-31'.",
    "expires",
    "invalid_value",
  );
}

const seconds = z.int().min(0).nullable();
const shownLimit = z.number().min(0).nullable();

const shownPolicy = {
  models: z.array(z.string()).nullable(),
  class: z.enum(PRIORITIES),
  requests_per_minute: shownLimit,
  requests_per_day: shownLimit,
  tokens_per_minute: shownLimit,
  tokens_per_day: shownLimit,
  budget_per_day: shownLimit,
  budget_per_month: shownLimit,
  concurrent_requests: shownLimit,
  max_tokens: shownLimit,
  max_tokens_limit: shownLimit,
  max_wait_ms: shownLimit,
  cache: z.enum(KEPT_ANSWERS).nullable(),
  local_only: z.boolean(),
  flows: z.boolean(),
  admin: z.boolean(),
} satisfies Record<PolicyField, z.ZodType>;

/** A key in an answer. Its secret isn't there. */
export const shownKey = z.object({
  object: z.literal("key"),
  id: z.string().describe("Also the tenant of what it stores."),
  name: z.string(),
  source: z.enum(["state", "file", "setting"]).describe("Where it is kept. Only those of the state can be revoked."),
  created_at: seconds.describe("Unix seconds; null for keys that aren't in the state file."),
  expires_at: seconds.describe("Unix seconds; null for never."),
  ...shownPolicy,
});

/** A key as an answer shows it. */
export function encodeKey({ id, name, source, createdMs, expiresMs, policy }: ListedKey) {
  const given = new Map<string, unknown>(Object.entries(policy));
  return {
    object: "key",
    id,
    name,
    source,
    created_at: toSeconds(createdMs),
    expires_at: toSeconds(expiresMs),
    ...Object.fromEntries(Object.entries(FIELDS).map(([field, wire]) => [wire, given.get(field) ?? null])),
  };
}

function toSeconds(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.floor(ms / 1_000);
}
