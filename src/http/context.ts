import type { RouteNews } from "../generation/news.ts";
import type { Priority, Replay } from "../generation/terms.ts";
import type { TraceContext } from "../generation/trace.ts";
import type { DroppedKeyword } from "../grammar/schema/tolerance.ts";
import type { Key } from "../keys/key.ts";
import type { Meter } from "../keys/meter.ts";
import type { TokenCounts } from "../protocols/tally.ts";
import type { CacheOutcome } from "./cache-news.ts";
import type { ErrorForm } from "./error-form.ts";
import type { Objectives } from "./objectives.ts";
import type { Wait } from "./wait.ts";

/** A request's entry in the access log, filled in while the request runs. */
export type RequestFacts = {
  /** The path of its route, such as `/v1/models/{id}`, once it has one. */
  path?: string;
  /** Its place in a trace, if it is in one. */
  trace?: TraceContext;
  /** The place in a trace that its client has named. */
  clientTrace?: TraceContext;
  /** The model's id, once it is known. */
  model?: string;
  /** The id of its preset. */
  preset?: string;
  /** The counts so far. */
  tokens?: () => TokenCounts;
  /** The key that was shown, even if it is no longer valid. */
  key?: { readonly id: string; readonly name: string };
  /** Its wait in the queue, if it must wait. */
  wait?: Wait;
  /** How the response cache handled it, if there is one. */
  cache?: CacheOutcome;
  /** The targets of its route, and what became of them, if its model is a route. */
  route?: RouteNews;
  /** The target that continues its answer, until the client is told. */
  continuedBy?: string;
  /** The request's tools, and parts of them, that the model is not told of, in the client's words. */
  droppedTools?: readonly string[];
  /** The keywords of its schemas that are not enforced. */
  droppedKeywords?: readonly DroppedKeyword[];
  /** The code or type of the error that the client got. */
  error?: string;
  /** What it said of the limit because of which the request was refused. */
  refusal?: string;
  /** The client closed the connection before it had the whole answer. */
  clientGone?: boolean;
  /** For a streamed body: settles when its last byte was handed over, or the client stops reading. */
  bodySent?: Promise<void>;
};

/** A client and its permissions, by its key. */
export type Caller = {
  readonly tenant: string;
  /** The default priority of its requests. */
  readonly priority: Priority;
  /** The highest priority that they can ask for. */
  readonly bestPriority: Priority;
  /** The maximum time until the first token, in ms. */
  readonly maxWaitMs?: number;
  /** Until when requests of class batch rest while others are there, in Unix ms. */
  readonly restUntilMs?: number;
  /** What the upstream has answered already. */
  readonly replay?: Replay;
  /** Whether its requests must not be sent to an upstream that is not local. */
  readonly localOnly?: boolean;
  /** Whether its requests may name the flows that share its turns. */
  readonly flows?: boolean;
};

/** The variables that the middlewares set in a Hono context. */
export type HttpEnv = {
  Variables: {
    /** `req_` and 32 hexadecimal digits: `x-request-id`, and the request's id from here to the engine. */
    requestId: string;
    facts: RequestFacts;
    /** Absent where no key is needed. */
    caller?: Caller;
    /** The classes that llm-d's objectives stand for; absent if there are none. */
    objectives?: Objectives;
    /** The form of errors, if it isn't OpenAI's. */
    errorForm?: ErrorForm;
    /** The key that was shown; undefined where there are none. */
    key?: Key;
    /** Enforces that key's limits. */
    meter?: Meter;
  };
};
