import type { Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { HttpEnv } from "../context.ts";
import { ClientGoneError, HttpError } from "../errors.ts";

/**
 * Refuses a body of more than `maxBytes` with a 413. A body that announces its length is judged by it, before a byte is read; another
 * is read no further than the limit. Throws a `ClientGoneError` where the client leaves in the midst of it.
 */
export function limitBody(maxBytes: number): (c: Context<HttpEnv>) => Promise<void> | undefined {
  const refuse = (): never => {
    throw new HttpError(
      413,
      `The request's body is larger than ${maxBytes} bytes. Send less, or start Sluice with a larger --max-body-bytes.`,
      "request_too_large",
    );
  };
  const countBytes = bodyLimit({ maxSize: maxBytes, onError: refuse });

  return (c) => {
    const announcedBytes = Number(c.req.header("content-length") ?? Number.NaN);
    if (Number.isNaN(announcedBytes) || c.req.header("transfer-encoding") !== undefined) {
      return countBytes(c, async () => {}).then(
        () => {},
        (error: unknown) => {
          // Node tells of no other failure than that the connection ended.
          throw error instanceof HttpError ? error : new ClientGoneError();
        },
      );
    }
    // Node's parser holds the client to the length it announced, so nothing need be counted. Counting builds another Request around
    // the body, which was measured to take a third of a small request's CPU time.
    return announcedBytes > maxBytes ? refuse() : undefined;
  };
}
