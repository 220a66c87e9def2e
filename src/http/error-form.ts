import type { Context, MiddlewareHandler } from "hono";
import type { WireError } from "../protocols/errors.ts";
import * as llamaServer from "../protocols/llama-server/error.ts";
import { encodeError, errorTypeOf } from "../protocols/messages/error.ts";
import type { HttpEnv } from "./context.ts";
import type { Failure } from "./errors.ts";

/** How the clients of a protocol are told of a failure. */
export type ErrorForm = {
  /** The failure with the status and the type of error that the protocol has for it. */
  readonly translate: (failure: Failure) => Failure;
  /** The body that tells of it. */
  readonly encode: (error: WireError, requestId: string) => object;
};

/** OpenAI's, in whose terms failures are described to begin with. */
export const OPENAI_ERRORS: ErrorForm = {
  translate: (failure) => failure,
  encode: (error) => ({ error }),
};

/** Anthropic's. It has a status of its own for a server with too much to do. */
export const ANTHROPIC_ERRORS: ErrorForm = {
  translate(failure) {
    const status = failure.error.code === "server_overloaded" ? 529 : failure.status;
    return { ...failure, status, error: { ...failure.error, type: errorTypeOf(status) } };
  },
  encode: encodeError,
};

/** Ollama's: a text, which names the field too. */
export const OLLAMA_ERRORS: ErrorForm = {
  translate: (failure) => failure,
  encode: ({ message, param }) => ({
    error: param === null || message.includes(param) ? message : `${message} (${param})`,
  }),
};

/** llama-server's, whose codes are statuses. */
export const LLAMA_SERVER_ERRORS: ErrorForm = {
  translate(failure) {
    const { status, error } = failure;
    return { ...failure, error: { ...error, type: llamaServer.errorTypeOf(status, error.code), code: String(status) } };
  },
  encode: llamaServer.encodeError,
};

/** Reports failures in that form, to the requests to which it `applies`. */
export function speak(
  form: ErrorForm,
  applies: (c: Context<HttpEnv>) => boolean = () => true,
): MiddlewareHandler<HttpEnv> {
  return (c, next) => {
    if (applies(c)) c.set("errorForm", form);
    return next();
  };
}

/** Whether the request is from a client of Anthropic's API: all of them name the version that they speak. */
export function isFromAnthropicClient(c: Context<HttpEnv>): boolean {
  return c.req.header("anthropic-version") !== undefined;
}
