import type { Context, Handler } from "hono";
import type { Access } from "../../keys/access.ts";
import type { Live } from "../../live/live.ts";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";
import { EVENT_STREAM_HEADERS } from "../event-stream.ts";
import { authenticate } from "../middleware/authenticate.ts";
import { assertAdmin } from "./usage.ts";

/** Makes snapshots while somebody looks. */
export type LiveFeed = {
  /** Undefined if too many look. */
  readonly watch: (...viewer: Parameters<Live["watch"]>) => Promise<ReturnType<Live["watch"]>>;
};

/** `GET /admin/live`: a snapshot each second, as server-sent events, for as long as the key is an admin's. */
export function showLive(live: LiveFeed | undefined, access: Access | undefined): Handler<HttpEnv> {
  return async (c) => {
    if (live === undefined) {
      throw new HttpError(404, "What is live can't be followed where the gateway is part of another program.", null);
    }
    const body = await follow(live, () => isStillAdmin(c, access));
    if (body === undefined) {
      throw new HttpError(
        429,
        "Too many follow what is live already. Close another page, and try again.",
        "too_many_viewers",
      );
    }
    return c.body(body, 200, EVENT_STREAM_HEADERS);
  };
}

/** Whether the request would be let in now. Where that can't be told, such as without the state file, it is not. */
function isStillAdmin(c: Context<HttpEnv>, access: Access | undefined): boolean {
  try {
    authenticate(c, access, access?.keys.isOn() === true);
    assertAdmin(c);
    return true;
  } catch {
    return false;
  }
}

/** A viewer that is slow gets the newest frame: those in between are not kept for it. */
async function follow(live: LiveFeed, isAllowed: () => boolean): Promise<ReadableStream<Uint8Array> | undefined> {
  let newest: string | undefined;
  let isOver = false;
  let changed = Promise.withResolvers<void>();
  const tell = () => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const seen = await live.watch({
    show(frame) {
      newest = frame;
      tell();
    },
    end() {
      isOver = true;
      tell();
    },
  });
  if (seen === undefined) return undefined;
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => controller.enqueue(Buffer.from(seen.first)),
      async pull(controller) {
        while (newest === undefined && !isOver) await changed.promise;
        if (!isOver && !isAllowed()) {
          seen.leave();
          isOver = true;
          newest = undefined;
        }
        if (newest !== undefined) controller.enqueue(Buffer.from(newest));
        newest = undefined;
        if (isOver) controller.close();
      },
      cancel: seen.leave,
    },
    // Nothing is taken before the connection can send it.
    { highWaterMark: 0 },
  );
}
