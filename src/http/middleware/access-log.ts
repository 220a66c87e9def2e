import { setImmediate } from "node:timers";
import type { Context } from "hono";
import type { Logger } from "pino";
import type { CacheNews } from "../../generation/cache.ts";
import type { HttpEnv } from "../context.ts";
import { CLIENT_CLOSED_REQUEST } from "../errors.ts";

const MAX_PATH_LENGTH = 256;
const MAX_CLIENT_ID_LENGTH = 128;

/**
 * Writes one line for a request when its answer was sent, which for a stream is at its end. It holds figures and names only: no headers, no
 * query, nothing of a prompt or an answer.
 */
export function logAnswer(c: Context<HttpEnv>, logger: Logger, startedMs: number, now: () => number): void {
  const facts = c.get("facts");
  const { status } = c.res;
  const write = () =>
    logger.info(
      {
        requestId: c.get("requestId"),
        clientRequestId: sanitize(c.req.header("x-client-request-id")),
        method: c.req.method,
        path: c.req.path.slice(0, MAX_PATH_LENGTH),
        status: facts.clientGone === true && facts.bodySent === undefined ? CLIENT_CLOSED_REQUEST : status,
        ms: Math.max(0, Math.round(now() - startedMs)),
        keyId: facts.key?.id,
        keyName: facts.key?.name,
        model: facts.model,
        preset: facts.preset,
        tokens: facts.tokens?.(),
        cache: cacheWord(facts.cache?.known()),
        queueMs: facts.wait?.known()?.ms,
        error: facts.error,
        clientGone: facts.clientGone,
      },
      "request",
    );
  // On the loop's next turn, when the last bytes have left: writing the line takes as long as sending them.
  const writeLater = () => void setImmediate(write);
  if (facts.bodySent === undefined) {
    writeLater();
  } else {
    void facts.bodySent.then(writeLater);
  }
}

/** `hit`, such as `hit semantic` where it was not in memory under its own key, or why it was none. */
function cacheWord(news: CacheNews | undefined): string | undefined {
  if (news?.type === "hit" && news.detail !== undefined) return `hit ${news.detail.toLowerCase()}`;
  return news?.type === "forward" ? news.reason : news?.type;
}

/** A client's own id, as far as it is printable ASCII (OpenAI's rule for the header), and not too long. */
function sanitize(id: string | undefined): string | undefined {
  return id?.slice(0, MAX_CLIENT_ID_LENGTH).replace(/[^\x21-\x7e]/g, "_");
}
