import type { Context, MiddlewareHandler } from "hono";
import type { WireError } from "../protocols/errors.ts";
import * as llamaServer from "../protocols/llama-server/error.ts";
import { encodeError, errorTypeOf } from "../protocols/messages/error.ts";
import type { HttpEnv } from "./context.ts";
import type { Failure } from "./errors.ts";

/** A protocol's form of errors. */
export type ErrorForm = {
  /** Returns the failure with the protocol's status and type of error. */
  readonly translate: (failure: Failure) => Failure;
  /** Returns the response's body. */
  readonly encode: (error: WireError, requestId: string) => object;
};

/** OpenAI's form. A `Failure` is already in its terms. */
export const OPENAI_ERRORS: ErrorForm = {
  translate: (failure) => failure,
  encode: (error) => ({ error }),
};

/** Anthropic's form. It has its own status for an overloaded server. */
export const ANTHROPIC_ERRORS: ErrorForm = {
  translate(failure) {
    const status = failure.error.code === "server_overloaded" ? 529 : failure.status;
    return { ...failure, status, error: { ...failure.error, type: errorTypeOf(status) } };
  },
  encode: encodeError,
};

/** Ollama's form: a text that also names the field. */
export const OLLAMA_ERRORS: ErrorForm = {
  translate: (failure) => failure,
  encode: ({ message, param }) => ({
    error: param === null || message.includes(param) ? message : `${message} (${param})`,
  }),
};

/** llama-server's form, whose codes are statuses. */
export const LLAMA_SERVER_ERRORS: ErrorForm = {
  translate(failure) {
    const { status, error } = failure;
    return { ...failure, error: { ...error, type: llamaServer.errorTypeOf(status, error.code), code: String(status) } };
  },
  encode: llamaServer.encodeError,
};

/** Sends errors in this form to the requests to which it `applies`. */
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
