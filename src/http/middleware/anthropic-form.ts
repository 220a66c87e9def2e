import type { Context, MiddlewareHandler } from "hono";
import type { HttpEnv } from "../context.ts";
import { ANTHROPIC_ERRORS } from "../error-form.ts";

/** Whether the request is from a client of Anthropic's API: all of them name the version that they speak. */
export function isFromAnthropicClient(c: Context): boolean {
  return c.req.header("anthropic-version") !== undefined;
}

/** Answers as Anthropic's API does where `applies`: errors in its form, and the request's id in `request-id` too. */
export function anthropicForm(applies: (c: Context) => boolean = () => true): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    if (!applies(c)) {
      return next();
    }
    c.set("errorForm", ANTHROPIC_ERRORS);
    await next();
    c.res.headers.set("request-id", c.get("requestId"));
  };
}
