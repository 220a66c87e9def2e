import type { Logger } from "pino";

export type RedisClient = Awaited<ReturnType<typeof connectRedis>>;

const CONNECT_TIMEOUT_MS = 2_000;
const LONGEST_PAUSE_MS = 5_000;

/**
 * A connection to Valkey or Redis that comes and goes with it: nobody waits for it, commands fail at once while it is down, and it is tried
 * again for ever, every five seconds at the least.
 */
export async function connectRedis(url: string, logger: Pick<Logger, "warn" | "info">) {
  const { createClient } = await import("@redis/client");
  const client = createClient({
    url,
    disableOfflineQueue: true,
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectStrategy: (retries) => Math.min(100 * 2 ** Math.min(retries, 10), LONGEST_PAUSE_MS),
    },
  });
  let isDown = false;
  client.on("error", (error: Error) => {
    // One line for each time that it goes, not for each try.
    if (!isDown) logger.warn({ err: error }, "Redis can't be reached; limits are counted by this gateway alone");
    isDown = true;
  });
  client.on("ready", () => {
    if (isDown) logger.info("Redis is back");
    isDown = false;
  });
  // Rejects only where it is closed before it was there.
  client.connect().catch(() => {});
  return client;
}

/** Ends a connection, whether or not it was ever there. */
export function closeRedis(client: RedisClient): void {
  if (client.isOpen) client.destroy();
}
