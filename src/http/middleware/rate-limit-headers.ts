import type { Context, MiddlewareHandler } from "hono";
import type { LimitView } from "../../keys/meter.ts";
import type { HttpEnv } from "../context.ts";
import { ANTHROPIC_ERRORS } from "../error-form.ts";

const KINDS = ["requests", "tokens"] as const;

/**
 * Tells callers whose key has limits how much of them is left, in OpenAI's headers, and where Anthropic's API is spoken in Anthropic's. A
 * stream's tell of its beginning, when what it may need is reserved.
 */
export function rateLimitHeaders(): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    await next();
    const [key, meter] = [c.get("key"), c.get("meter")];
    if (key === undefined || meter === undefined) return;
    for (const kind of KINDS) {
      const view = meter.view(key, kind);
      if (view !== undefined) setHeaders(c, kind, view);
    }
  };
}

function setHeaders(c: Context<HttpEnv>, kind: (typeof KINDS)[number], { limit, remaining, resetMs }: LimitView): void {
  const isAnthropic = c.get("errorForm") === ANTHROPIC_ERRORS;
  const name = (part: string) => (isAnthropic ? `anthropic-ratelimit-${kind}-${part}` : `x-ratelimit-${part}-${kind}`);
  c.res.headers.set(name("limit"), String(limit));
  c.res.headers.set(name("remaining"), String(remaining));
  const reset = isAnthropic ? new Date(Date.now() + resetMs).toISOString() : formatReset(resetMs);
  c.res.headers.set(name("reset"), reset);
}

/** A time as OpenAI writes it, which is Go's form: `120ms`, `8.64s`, `6m0s`, `23h59m1s`. */
export function formatReset(ms: number): string {
  if (ms === 0) return "0s";
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  // Whole seconds beyond a minute: nobody waits by the millisecond then.
  const seconds = ms < 60_000 ? Math.ceil(ms / 10) / 100 : Math.ceil(ms / 1_000);
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  const rest = `${Number((seconds % 60).toFixed(2))}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}
