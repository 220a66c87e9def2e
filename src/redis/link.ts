import { setImmediate } from "node:timers/promises";
import type { Logger } from "pino";

export type LinkOptions = {
  readonly url: string;
  /** The longest wait for the reply to a command, in ms. */
  readonly timeoutMs: number;
  readonly logger: Pick<Logger, "warn" | "info">;
  /** What is so while the connection is down, for the log. */
  readonly meanwhile: string;
  /** The pause before the first try to connect again, in ms; each further pause is twice as long, up to five seconds. 250 if absent. */
  readonly pauseMs?: number;
};

/**
 * A connection to Valkey or Redis. It is used while the server answers in time and left alone while it doesn't: no caller
 * ever fails because of it, and none waits longer than the time limit.
 */
export type Link = {
  /** Resolves after the first try to connect, successful or not. Further tries follow automatically. */
  readonly open: () => Promise<void>;
  readonly isUp: () => boolean;
  /**
   * Returns what `work` returns; undefined if it fails, and at once while the connection is down. The first late reply costs its caller the
   * time limit and takes the connection down; all others who wait for a reply get undefined then.
   */
  readonly run: <T>(work: (client: Client) => Promise<T>) => Promise<T | undefined>;
  /** The same for callers that can't do without: tells what the server's error was, if it replied with one. */
  readonly ask: <T>(work: (client: Client) => Promise<T>) => Promise<Reply<T> | undefined>;
  /** Closes the connection for good. Callers that still wait get undefined. */
  readonly close: () => void;
};

/** What a server replied: a value, or an error, such as that it is full. */
type Reply<T> = { readonly value: T } | { readonly refusal: Error };

type Client = ReturnType<Awaited<ReturnType<typeof loadClients>>["create"]>;

const CONNECT_TIMEOUT_MS = 2_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
/** Work beyond this is refused. Counting a thousand requests at once takes four times as much. */
const MOST_AT_ONCE = 5_000;

/** Creates a link, which connects with `open`. */
export function createLink({ url, timeoutMs, logger, meanwhile, pauseMs = FIRST_PAUSE_MS }: LinkOptions): Link {
  let client: Client | undefined;
  let connecting: Client | undefined;
  let retry: NodeJS.Timeout | undefined;
  let isReply = (_: unknown): _ is Error => false;
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
      if (failures > 0) logger.info("Redis is back");
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
    // One line per outage, not per try.
    if (failures === 0) logger.warn({ err }, `Redis can't be had; until it is back, ${meanwhile}`);
    retry = setTimeout(connect, Math.min(pauseMs * 2 ** Math.min(failures, 10), LONGEST_PAUSE_MS)).unref();
    failures += 1;
  }

  function drop(lost: Client | undefined, error: unknown): void {
    if (lost === undefined || client !== lost) return;
    client = undefined;
    destroy(lost);
    complain(error);
  }

  /** The server replied with an error: it is full or read-only, or the name holds another type. */
  function tellRefusal(err: unknown): void {
    if (hasToldRefusal) return;
    hasToldRefusal = true;
    logger.warn({ err }, "Redis refuses a command");
  }

  async function ask<T>(work: (client: Client) => Promise<T>): Promise<Reply<T> | undefined> {
    const used = client;
    if (used === undefined || running >= MOST_AT_ONCE) return undefined;
    running += 1;
    try {
      return { value: await within(timeoutMs, work(used)) };
    } catch (error) {
      if (!isReply(error)) {
        drop(used, error);
        return undefined;
      }
      tellRefusal(error);
      return { refusal: error };
    } finally {
      running -= 1;
    }
  }

  return {
    open: connect,
    isUp: () => client !== undefined,
    async run(work) {
      const reply = await ask(work);
      return reply !== undefined && "value" in reply ? reply.value : undefined;
    },
    ask,
    close() {
      isClosed = true;
      clearTimeout(retry);
      destroy(client);
      destroy(connecting);
      client = undefined;
    },
  };
}

/** Loads the package only if a Redis is configured, since that takes a while. */
async function loadClients() {
  const { createClient, ErrorReply, RESP_TYPES } = await import("@redis/client");
  return {
    /** The client itself never reconnects: it would send commands later that were given up. */
    create: (url: string) =>
      createClient({
        url,
        disableOfflineQueue: true,
        socket: { connectTimeout: CONNECT_TIMEOUT_MS, reconnectStrategy: false },
        commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
      }),
    isReply: (error: unknown): error is Error => error instanceof ErrorReply,
  };
}

function destroy(client: Client | undefined): void {
  if (client?.isOpen) client.destroy();
}

/** Rejects when `work` takes longer. Reads from the socket once more first, so that this process's own delay doesn't count as Redis's. */
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
