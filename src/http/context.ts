import type { TokenCounts } from "../protocols/tally.ts";
import type { ErrorForm } from "./error-form.ts";

/** What the access log says about a request, filled in while it is worked on. */
export type RequestFacts = {
  /** The model's id, once it is known. */
  model?: string;
  tokens?: TokenCounts;
  /** The code or type of the error that the client was told. */
  error?: string;
  /** The client closed the connection before it had the whole answer. */
  clientGone?: boolean;
  /** For a body that is sent bit by bit: settles when its last byte was handed over, or nobody reads on. */
  bodySent?: Promise<void>;
};

/** What the middlewares leave in a Hono context. */
export type HttpEnv = {
  Variables: {
    /** `req_` and 32 hexadecimal digits: `x-request-id`, and the request's id from here to the engine. */
    requestId: string;
    facts: RequestFacts;
    /** How to tell of a failure, where not as OpenAI does. */
    errorForm?: ErrorForm;
  };
};
