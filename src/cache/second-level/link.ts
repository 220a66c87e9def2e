import { setImmediate } from "node:timers/promises";
import type { Logger } from "pino";

export type LinkOptions = {
  readonly url: string;
  /** What the slowest answer may cost whoever waits for it, in ms. */
  readonly timeoutMs: number;
  readonly logger: Pick<Logger, "warn" | "info">;
  /** Until the first try after it was lost, in ms; each further pause is twice as long, up to five seconds. */
  readonly pauseMs?: number;
};

/** A connection to Valkey or Redis that is used while it answers in time, and passed over while it doesn't. */
export type Link = {
  /** Resolves after the first try to connect, whatever became of it. Others follow by themselves. */
  readonly open: () => Promise<void>;
  readonly isUp: () => boolean;
  /**
   * What `work` comes to. Undefined at once while the connection is down, and where it fails. The first answer that is late costs its time
   * limit, and takes the connection down; what waits for others then is let go too.
   */
  readonly run: <T>(work: (client: Client) => Promise<T>) => Promise<T | undefined>;
  /** Ends it for good. What still runs comes to undefined. */
  readonly close: () => void;
};

export type Client = ReturnType<Awaited<ReturnType<typeof loadClients>>["create"]>;

const CONNECT_TIMEOUT_MS = 2_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
/** More at the same time are passed over. */
const MOST_AT_ONCE = 1_000;

/** Not connected before `open`. */
export function createLink({ url, timeoutMs, logger, pauseMs = FIRST_PAUSE_MS }: LinkOptions): Link {
  let client: Client | undefined;
  let connecting: Client | undefined;
  let retry: NodeJS.Timeout | undefined;
  let isReply = (_: unknown) => false;
  let failures = 0;
  let running = 0;
  let isClosed = false;
  let hasToldRefusal = false;

  async function connect(): Promise<void> {
    let made: Client | undefined;
    try {
      const clients = await loadClients();
      if (isClosed) return;
      isReply = clients.isReply;
      made = clients.create(url);
      connecting = made;
      made.on("error", (error: Error) => drop(made, error));
      await within(CONNECT_TIMEOUT_MS, made.connect());
      await within(timeoutMs, made.ping());
      if (isClosed) return;
      client = made;
      if (failures > 0) logger.info("Redis is back; the cache's second level is used again");
      failures = 0;
      hasToldRefusal = false;
    } catch (error) {
      destroy(made);
      complain(error);
    } finally {
      connecting = undefined;
    }
  }

  function complain(err: unknown): void {
    if (isClosed) return;
    // One line for each time that it goes, not for each try.
    if (failures === 0)
      logger.warn({ err }, "Redis can't be had; the cache does without its second level until it is back");
    retry = setTimeout(connect, Math.min(pauseMs * 2 ** Math.min(failures, 10), LONGEST_PAUSE_MS)).unref();
    failures += 1;
  }

  function drop(lost: Client | undefined, error: unknown): void {
    if (lost === undefined || client !== lost) return;
    client = undefined;
    destroy(lost);
    complain(error);
  }

  /** It has answered, with an error: full, read-only, or something else is kept under the name. */
  function tellRefusal(err: unknown): void {
    if (hasToldRefusal) return;
    hasToldRefusal = true;
    logger.warn({ err }, "Redis refuses what the cache's second level asks for");
  }

  return {
    open: connect,
    isUp: () => client !== undefined,
    async run(work) {
      const used = client;
      if (used === undefined || running >= MOST_AT_ONCE) return undefined;
      running += 1;
      try {
        return await within(timeoutMs, work(used));
      } catch (error) {
        if (isReply(error)) tellRefusal(error);
        else drop(used, error);
        return undefined;
      } finally {
        running -= 1;
      }
    },
    close() {
      isClosed = true;
      clearTimeout(retry);
      destroy(client);
      destroy(connecting);
      client = undefined;
    },
  };
}

/** Loaded by those who name a server: the package takes a while, and most don't. */
async function loadClients() {
  const { createClient, ErrorReply, RESP_TYPES } = await import("@redis/client");
  return {
    /** It never reconnects by itself: what has been given up must not be sent later. */
    create: (url: string) =>
      createClient({
        url,
        disableOfflineQueue: true,
        socket: { connectTimeout: CONNECT_TIMEOUT_MS, reconnectStrategy: false },
        commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
      }),
    isReply: (error: unknown) => error instanceof ErrorReply,
  };
}

function destroy(client: Client | undefined): void {
  if (client?.isOpen) client.destroy();
}

/** Late is what has not come when everything that lay at the socket is read: a busy process must not take it for Redis's fault. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(async () => {
    await setImmediate();
    late.reject(new Error(`Redis did not answer within ${ms} ms.`));
  }, ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
