import { z } from "zod";

/** Refuses what the client of Redis can't read: it would be tried again for ever. A path is the number of a database. */
const redisUrlSchema = z
  .url({ protocol: /^rediss?$/ })
  .refine((text) => URL.canParse(text) && isReadable(new URL(text)))
  .describe("a URL that begins with redis:// or rediss://, such as redis://:PASSWORD@host:6379/0");

function isReadable({ hostname, pathname, username, password }: URL): boolean {
  try {
    // Throws where a % begins no escape.
    decodeURIComponent(username + password);
    return hostname !== "" && /^(\/\d{0,6})?$/.test(pathname);
  } catch {
    return false;
  }
}

/** What several gateways share. */
export const sharing = {
  redisUrl: z
    .union([z.literal("").describe("nothing"), redisUrlSchema])
    .default("")
    .meta({
      description: "Valkey or Redis server shared by several gateways, such as redis://host:6379",
      writeOnly: true,
    }),
  redisShares: z
    .array(z.enum(["limits", "answers", "sessions", "batches"]))
    .min(1)
    .max(4)
    .default(["limits"])
    .meta({
      description:
        "what gateways share through Redis: limits (how much each key has used), answers (the response cache), sessions (which target of a route has answered them), batches (files and batches, which all then work on); may be repeated",
      placeholder: "limits|answers|sessions|batches",
    }),
  redisTimeoutMs: z
    .int()
    .min(1)
    .max(10_000)
    .default(250)
    .describe(
      "maximum time that a request waits for Redis, in ms; after that, Redis is skipped until it responds again",
    ),
  maxSharedFileBytes: z
    .int()
    .min(1024)
    .max(1_125_899_906_842_624)
    .default(1024 ** 3)
    .describe("maximum size of all files together that gateways share in Redis, in bytes; they are in its memory"),
};
