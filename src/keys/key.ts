import { z } from "zod";
import { KEPT_ANSWERS } from "../generation/cache.ts";
import { PRIORITIES } from "../generation/terms.ts";

/** Entries that a key's list of models may have. */
const MAX_MODELS = 64;
/** Large enough for any limit, and small enough that counts beyond it stay exact. */
const MAX_LIMIT = 1_000_000_000_000;
/** A day: no client waits longer. */
const MAX_WAIT_MS = 86_400_000;

const limit = z.int().min(1).max(MAX_LIMIT);

/** What a key may do, as it is kept in the state file and written in a file of keys. Absent limits are none. */
export const policySchema = z.strictObject({
  /** Ids or aliases of the models that it may use, in any case of letters; all where it is absent. */
  models: z.array(z.string().min(1).max(4096)).min(1).max(MAX_MODELS).optional(),
  class: z.enum(PRIORITIES).default("default"),
  requestsPerMinute: limit.optional(),
  requestsPerDay: limit.optional(),
  tokensPerMinute: limit.optional(),
  tokensPerDay: limit.optional(),
  concurrentRequests: limit.optional(),
  /** Tokens of an answer, where the request names none, and of any. */
  maxTokens: limit.optional(),
  maxTokensLimit: limit.optional(),
  /** Its requests wait so long for their first token, in ms. */
  maxWaitMs: z.int().min(1).max(MAX_WAIT_MS).optional(),
  /** Which of its answers the response cache keeps; where it is absent, a preset may say. */
  cache: z.enum(KEPT_ANSWERS).optional(),
  /** Its requests are answered by this machine's own models, never by another provider. */
  localOnly: z.boolean().default(false),
  /** Whether it may ask for every key's usage. */
  admin: z.boolean().default(false),
});

export type KeyPolicy = Readonly<z.infer<typeof policySchema>>;

/** A name that people give a key. It is printed in tables and logs. */
export const nameSchema = z
  .string()
  .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._@/-]{0,63}$/u)
  .describe("1 to 64 letters, digits, spaces and . _ @ / -, with a letter or digit first");

/** Where a key is kept. */
type KeySource = "state" | "file" | "setting";

/** A key as the gateway knows it: without its secret. */
export type Key = {
  /** The tenant of its requests and of what they store. */
  readonly id: string;
  readonly name: string;
  readonly source: KeySource;
  /** Unix ms; undefined for one that always works. */
  readonly expiresMs: number | undefined;
  readonly policy: KeyPolicy;
};

/** Whether a key may use a model that has these names. */
export function mayUse({ policy }: Key, names: readonly string[]): boolean {
  if (policy.models === undefined) return true;
  const allowed = new Set(policy.models.map((name) => name.toLowerCase()));
  return names.some((name) => allowed.has(name.toLowerCase()));
}
