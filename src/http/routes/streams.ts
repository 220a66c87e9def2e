import type { Context, Handler } from "hono";
import type { HttpEnv } from "../context.ts";
import { readAfter } from "../streams/asked.ts";
import type { StreamsDoor } from "../streams/door.ts";

/** `GET /v1/streams/{id}`: what follows in a stream that broke off. */
export function readStream(streams: StreamsDoor): Handler<HttpEnv> {
  return (c) => {
    const id = idOf(c);
    return streams.read(c, { id, after: readAfter(c, id) });
  };
}

/** `DELETE /v1/streams/{id}`: ends its work. */
export function deleteStream(streams: StreamsDoor): Handler<HttpEnv> {
  return async (c) => {
    const id = idOf(c);
    await streams.remove(c, id);
    return c.json({ id, object: "stream", deleted: true });
  };
}

function idOf(c: Context<HttpEnv>): string {
  return c.req.param("id") ?? "";
}
