import { z } from "zod";
import { KEPT_ANSWERS } from "../generation/cache.ts";
import { PRIORITIES } from "../generation/terms.ts";

/** The most entries in a key's list of models. */
export const MAX_MODELS = 64;
/** Large enough for any limit, and small enough that counts stay exact integers. */
export const MAX_LIMIT = 1_000_000_000_000;
/** A day. No client waits longer. */
export const MAX_WAIT_MS = 86_400_000;

/** In US dollars. */
export const MIN_BUDGET = 0.000001;
/** More than this many US dollars is a typing error. */
export const MAX_BUDGET = 1_000_000;

const budget = z.number().min(MIN_BUDGET).max(MAX_BUDGET);

const limit = z.int().min(1).max(MAX_LIMIT);

/** What a key may do, in the state file and in a file of keys. An absent limit means no limit. */
export const policySchema = z.strictObject({
  /** Ids or aliases of the models that it may use, ignoring case; all if absent. */
  models: z.array(z.string().min(1).max(4096)).min(1).max(MAX_MODELS).optional(),
  class: z.enum(PRIORITIES).default("default"),
  requestsPerMinute: limit.optional(),
  requestsPerDay: limit.optional(),
  tokensPerMinute: limit.optional(),
  tokensPerDay: limit.optional(),
  /** In US dollars, for a day and a month of the calendar in UTC. */
  budgetPerDay: budget.optional(),
  budgetPerMonth: budget.optional(),
  concurrentRequests: limit.optional(),
  /** The default and the limit for the tokens of an answer. */
  maxTokens: limit.optional(),
  maxTokensLimit: limit.optional(),
  /** How long its requests may wait for their first token, in ms. */
  maxWaitMs: z.int().min(1).max(MAX_WAIT_MS).optional(),
  /** Which of its answers the response cache keeps; if absent, the preset decides. */
  cache: z.enum(KEPT_ANSWERS).optional(),
  /** Whether its requests are answered only by local models, never by another provider. */
  localOnly: z.boolean().default(false),
  /** Whether its requests may name flows, which share its turns fairly. */
  flows: z.boolean().default(false),
  /** Whether it may administer the gateway: reload it, read every key's usage, create and revoke keys. */
  admin: z.boolean().default(false),
});

export type KeyPolicy = Readonly<z.infer<typeof policySchema>>;

/** A key's name, shown in tables and logs. */
export const nameSchema = z
  .string()
  .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._@/-]{0,63}$/u)
  .describe("1 to 64 letters, digits, spaces and . _ @ / -, with a letter or digit first");

/** Where a key is kept. */
type KeySource = "state" | "file" | "setting";

/** A key, without its secret. */
export type Key = {
  /** Also the tenant of its requests and of what they store. */
  readonly id: string;
  readonly name: string;
  readonly source: KeySource;
  /** Unix ms; undefined means never. */
  readonly expiresMs: number | undefined;
  readonly policy: KeyPolicy;
};

/** Whether a key may use a model with these names. */
export function mayUse({ policy }: Key, names: readonly string[]): boolean {
  if (policy.models === undefined) return true;
  const allowed = new Set(policy.models.map((name) => name.toLowerCase()));
  return names.some((name) => allowed.has(name.toLowerCase()));
}
