import { z } from "zod";

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;
const GPU_CHOICES = ["auto", "off", "cuda", "vulkan", "metal"] as const;
const FLASH_ATTENTION_CHOICES = ["auto", "on", "off"] as const;

/** What a browser sends as `Origin`: a scheme, a host and a port, with no path. Anything else would never match one. */
const originSchema = z
  .url({ protocol: /^https?$/ })
  .refine((text) => URL.canParse(text) && new URL(text).origin === text)
  .describe("an origin such as https://app.example.com (http or https, no path, no closing slash)");

/** Of apps and extensions, such as `chrome-extension://ID` or `tauri://localhost`: browsers know no port of theirs. */
const appOriginSchema = z
  .string()
  .max(512)
  .regex(/^(?!https?:)[a-z][a-z0-9+.-]*:\/\/[a-z0-9._-]+$/)
  .describe("one of an app, such as chrome-extension://ID");

/** What stands in `Host`, without a port. */
const hostNameSchema = z
  .string()
  .max(253)
  .regex(/^(\*|\[?[0-9A-Fa-f:.]+\]?|[A-Za-z0-9._-]+)$/)
  .describe("a name or an address without scheme and port, or *");

/** Tokens of an answer, for all models or for one. */
const answerTokens = z
  .array(
    z
      .union([
        z.int().min(1).max(1_048_576),
        z
          .string()
          .max(4096)
          .regex(/^.+=[1-9]\d{0,6}$/),
      ])
      .describe("a whole number from 1 to 1048576, or a model's id or alias with = and one"),
  )
  .max(64)
  .default([]);

/**
 * Every setting, once: the flags, the environment variables, the keys of `sluice.yaml` and the output of `sluice config` are all
 * made from this. Names are camelCase here and in the file, `--kebab-case` as flags, `SLUICE_SNAKE_CASE` in the environment.
 */
export const configSchema = z.strictObject({
  host: z.string().min(1).default("127.0.0.1").describe("address to listen on"),
  port: z.int().min(0).max(65_535).default(8080).describe("port to listen on; 0 takes a free one"),
  model: z
    .array(z.string().min(1).max(4096))
    .min(1)
    .max(16)
    .default(["smollm2-135m-instruct"])
    .describe("model to serve: a catalogue name, hf:owner/repo:QUANT, an https: URL or a path; may be repeated"),
  aliases: z
    .array(
      z
        .string()
        .max(4096)
        .regex(/^\s*[^=\s][^=]*=\s*\S/)
        .describe("NAME=MODEL"),
    )
    .max(256)
    .default([])
    .describe("further name for a model that is served, as NAME=MODEL; may be repeated"),
  unknownModel: z
    .enum(["refuse", "default"])
    .default("refuse")
    .describe("what becomes of a request for a model that isn't there: a 404, or an answer of the default model"),
  listPresets: z.boolean().default(true).describe("list the presets among the models"),
  slots: z.int().min(1).max(256).default(4).describe("sequences that each model runs at once"),
  context: z
    .union([z.literal("auto"), z.int().min(64).max(1_048_576)])
    .default("auto")
    .describe("tokens for each slot, prompt and answer together; auto is the model's own, 4096 at most"),
  threads: z
    .union([z.literal("auto"), z.int().min(1).max(1024)])
    .default("auto")
    .describe("CPU threads for each model at most; auto is one for each core fit for arithmetic"),
  gpu: z.enum(GPU_CHOICES).default("auto").describe("where layers may run; off is the CPU alone"),
  flashAttention: z
    .enum(FLASH_ATTENTION_CHOICES)
    .default("auto")
    .describe("attention that never forms all scores at once; auto is wherever llama.cpp has it"),
  prefillChunk: z.int().min(1).max(8192).default(64).describe("prompts are evaluated in pieces of so many tokens"),
  prefillPauseMs: z
    .int()
    .min(1)
    .max(60_000)
    .default(50)
    .describe(
      "how long prompts may hold up answers in progress at a time, in ms; greedy and seeded prompts take a piece in any case",
    ),
  prefillShare: z
    .number()
    .min(0.05)
    .max(1)
    .default(0.75)
    .describe("share of the time that prompts may take while answers are in progress; 1 is all that they need"),
  prefixStoreBytes: z
    .int()
    .min(0)
    .max(1_099_511_627_776)
    .default(1024 ** 3)
    .describe("how much of the prompts that slots lose is kept in temporary files, in bytes; 0 keeps nothing"),
  cacheBytes: z
    .int()
    .min(0)
    .max(1_099_511_627_776)
    .default(64 * 1024 ** 2)
    .describe("how much memory stored answers to repeated requests may take, in bytes; 0 stores none"),
  cacheTtlSeconds: z
    .int()
    .min(1)
    .max(31_536_000)
    .default(86_400)
    .describe("how long a stored answer is fresh, in seconds"),
  cacheFile: z
    .string()
    .default("")
    .describe("file in which stored answers outlive a stop; they are forgotten unless it is named"),
  cacheRedisUrl: z
    .union([
      z.literal("").describe("nothing"),
      z.url({ protocol: /^rediss?$/ }).describe("a URL that begins with redis:// or rediss://"),
    ])
    .default("")
    .meta({
      description: "Valkey or Redis where several gateways share stored answers, as redis://host:6379",
      writeOnly: true,
    }),
  cacheRedisTimeoutMs: z
    .int()
    .min(1)
    .max(10_000)
    .default(250)
    .describe(
      "what that one may cost a request when it doesn't answer, in ms; then it is passed over until it is back",
    ),
  cacheFollowMs: z
    .int()
    .min(0)
    .max(600_000)
    .default(10_000)
    .describe("how long a request waits for another of these gateways that generates the same, in ms; 0 never waits"),
  modelsDir: z.string().min(1).default("models").describe("folder where downloaded models are kept"),
  promptsDir: z.string().min(1).default("prompts").describe("folder of the prompt presets, one YAML file each"),
  warmPresets: z
    .boolean()
    .default(true)
    .describe("evaluate the presets' texts, and keep answers to what they say is likely, while nobody is served"),
  stateFile: z
    .string()
    .min(1)
    .default("state/sluice.db")
    .describe("SQLite file for stored responses, conversations and completions; :memory: forgets them at the end"),
  stateMaxDays: z
    .int()
    .min(1)
    .max(36_500)
    .default(30)
    .describe("how long stored responses and completions are kept, in days"),
  stateMaxEntries: z
    .int()
    .min(1)
    .max(10_000_000)
    .default(10_000)
    .describe(
      "how many responses, how many completions and how many conversations are kept; beyond that the oldest go",
    ),
  insecure: z.boolean().default(false).describe("listen on addresses that others reach though there are no keys"),
  keysFile: z
    .string()
    .default("")
    .describe("YAML file of keys, besides those of `sluice keys`; read again when it changes"),
  apiKey: z
    .union([
      z.literal("").describe("nothing"),
      z
        .string()
        .regex(/^[\x21-\x7e]{16,256}$/)
        .describe("16 to 256 ASCII characters without spaces"),
    ])
    .default("")
    .meta({
      description: "one more key, with no limits; better in the environment, since other users see a program's flags",
      writeOnly: true,
    }),
  redisUrl: z
    .union([
      z.literal("").describe("nothing"),
      z.url({ protocol: /^rediss?$/ }).describe("a URL that begins with redis:// or rediss://"),
    ])
    .default("")
    .meta({
      description: "Valkey or Redis where several gateways count the limits of keys together, as redis://host:6379",
      writeOnly: true,
    }),
  minSlots: z
    .int()
    .min(1)
    .max(256)
    .default(1)
    .describe("sequences that each model runs at once at least, however slowly their tokens come; slots is the most"),
  targetItlMs: z
    .int()
    .min(1)
    .max(60_000)
    .default(250)
    .describe(
      "time between two tokens above which fewer sequences run at once, in ms; twice that of one alone is always allowed",
    ),
  maxPending: z.int().min(1).max(100_000).default(256).describe("requests in hand at once before new ones are refused"),
  maxPendingTokens: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .default(1_048_576)
    .describe(
      "tokens of all prompts in hand before new requests are refused, as estimated; one request is always taken",
    ),
  maxWaitMs: z
    .int()
    .min(1)
    .max(3_600_000)
    .default(60_000)
    .describe("longest time until its first token that a request is accepted for, in ms; requests may ask for less"),
  maxTokens: answerTokens.describe(
    "most tokens of an answer whose request names none, as N or MODEL=N; as many as fit unless it is given; may be repeated",
  ),
  maxTokensLimit: answerTokens.describe(
    "most tokens of any answer, as N or MODEL=N: what asks for more is cut to it; may be repeated",
  ),
  maxBodyBytes: z
    .int()
    .min(1024)
    .max(1_073_741_824)
    .default(16 * 1024 * 1024)
    .describe("largest request body, in bytes"),
  headerTimeoutMs: z
    .int()
    .min(100)
    .max(3_600_000)
    .default(20_000)
    .describe("how long a client may take to send a request's headers, in ms"),
  bodyTimeoutMs: z
    .int()
    .min(100)
    .max(3_600_000)
    .default(20_000)
    .describe("how long a request's body may come more slowly than the least rate, in ms"),
  minBodyRate: z
    .int()
    .min(0)
    .max(1_073_741_824)
    .default(500)
    .describe("the least rate of a request's body, in bytes a second; with 0 a byte in that time is enough"),
  readTimeoutMs: z
    .int()
    .min(100)
    .max(3_600_000)
    .default(30_000)
    .describe("how long a client may take nothing of an answer that waits to be sent, in ms"),
  keepAliveMs: z
    .int()
    .min(1)
    .max(3_600_000)
    .default(15_000)
    .describe("how long a connection may lie idle between two requests, in ms"),
  maxConnections: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(1_024)
    .describe("connections that are open at once; beyond it those are closed that lie idle longest"),
  corsOrigins: z
    .array(z.union([z.literal("*"), originSchema, appOriginSchema]))
    .max(64)
    .default([])
    .describe("origin that browsers may call from, or *; may be repeated"),
  allowedHosts: z
    .array(hostNameSchema)
    .max(64)
    .default([])
    .describe(
      "name by which the gateway may be called while there are no keys, besides its own address; may be repeated",
    ),
  shutdownGraceMs: z
    .int()
    .min(0)
    .max(3_600_000)
    .default(30_000)
    .describe("how long running requests may go on after SIGTERM or SIGINT, in ms"),
  logLevel: z.enum(LOG_LEVELS).default("info").describe("least important log line that is printed"),
});

/** All settings, valid and complete. */
export type Config = z.infer<typeof configSchema>;
