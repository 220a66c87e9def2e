import type { Priority } from "../generation/terms.ts";
import type { DroppedKeyword } from "../grammar/schema/tolerance.ts";
import type { Key } from "../keys/key.ts";
import type { Meter } from "../keys/meter.ts";
import type { TokenCounts } from "../protocols/tally.ts";
import type { CacheOutcome } from "./cache-news.ts";
import type { ErrorForm } from "./error-form.ts";
import type { Wait } from "./wait.ts";

/** What the access log says about a request, filled in while it is worked on. */
export type RequestFacts = {
  /** The model's id, once it is known. */
  model?: string;
  /** The id of the preset that it names. */
  preset?: string;
  /** As far as they are known when it is called. */
  tokens?: () => TokenCounts;
  /** Whose key was shown, also where it is good no more. */
  key?: { readonly id: string; readonly name: string };
  /** The wait for its turn, where it has to take one. */
  wait?: Wait;
  /** What the response cache made of it, where there is one. */
  cache?: CacheOutcome;
  /** What of the request's tools the model is not told of, in the client's words. */
  droppedTools?: readonly string[];
  /** What of its schemas the answer is not held to. */
  droppedKeywords?: readonly DroppedKeyword[];
  /** The code or type of the error that the client was told. */
  error?: string;
  /** The client closed the connection before it had the whole answer. */
  clientGone?: boolean;
  /** For a body that is sent bit by bit: settles when its last byte was handed over, or nobody reads on. */
  bodySent?: Promise<void>;
};

/** Who asks, as the key tells. */
export type Caller = {
  readonly tenant: string;
  /** What its requests have unless they ask for another. */
  readonly priority: Priority;
  /** The best that they can ask for. */
  readonly bestPriority: Priority;
  /** At most so long until a first token, in ms. */
  readonly maxWaitMs?: number;
  /** Whether its requests must not be sent to another provider. */
  readonly localOnly?: boolean;
};

/** What the middlewares leave in a Hono context. */
export type HttpEnv = {
  Variables: {
    /** `req_` and 32 hexadecimal digits: `x-request-id`, and the request's id from here to the engine. */
    requestId: string;
    facts: RequestFacts;
    /** Absent where no key is needed. */
    caller?: Caller;
    /** How to tell of a failure, where not as OpenAI does. */
    errorForm?: ErrorForm;
    /** The key that was shown; undefined where there are none. */
    key?: Key;
    /** What holds that key to its limits. */
    meter?: Meter;
  };
};
