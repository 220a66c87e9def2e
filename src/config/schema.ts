import { z } from "zod";
import { memorySchema } from "./amounts.ts";
import { modelSettings, ownSettingSchema } from "./model-settings.ts";
import { routeSchema } from "./routes.ts";
import { upstreamSchema } from "./upstreams.ts";

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;

/** What a browser sends as `Origin`: a scheme, a host and a port, with no path. Anything else would never match one. */
const originSchema = z
  .url({ protocol: /^https?$/ })
  .refine((text) => URL.canParse(text) && new URL(text).origin === text)
  .describe("an origin such as https://app.example.com (http or https, no path, no trailing slash)");

/** Of apps and extensions, such as `chrome-extension://ID` or `tauri://localhost`: browsers know no port of theirs. */
const appOriginSchema = z
  .string()
  .max(512)
  .regex(/^(?!https?:)[a-z][a-z0-9+.-]*:\/\/[a-z0-9._-]+$/)
  .describe("the origin of an app, such as chrome-extension://ID");

/** What stands in `Host`, without a port. */
const hostNameSchema = z
  .string()
  .max(253)
  .regex(/^(\*|\[?[0-9A-Fa-f:.]+\]?|[A-Za-z0-9._-]+)$/)
  .describe("a name or an address without scheme and port, or *");

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
      .describe("N or MODEL=N, where N is a whole number from 1 to 1048576"),
  )
  .max(64)
  .default([]);

/**
 * Every setting, once: the flags, the environment variables, the keys of `sluice.yaml` and the output of `sluice config` are all
 * made from this. Names are camelCase here and in the file, `--kebab-case` as flags, `SLUICE_SNAKE_CASE` in the environment.
 */
export const configSchema = z.strictObject({
  host: z.string().min(1).default("127.0.0.1").describe("address to listen on"),
  port: z.int().min(0).max(65_535).default(8080).describe("port to listen on; 0 picks a free one"),
  model: z
    .array(z.string().min(1).max(4096))
    .max(16)
    .default(["smollm2-135m-instruct"])
    .describe("model to serve: a catalogue name, hf:owner/repo:QUANT, an https: URL or a path; may be repeated"),
  adapters: z
    .array(
      z
        .string()
        .max(4096)
        .regex(/^\s*[^=+\s][^=+]*\+[A-Za-z0-9._-]{1,64}\s*=\s*\S/)
        .describe("MODEL+NAME=PATH"),
    )
    .max(256)
    .default([])
    .meta({
      description:
        "LoRA adapter of a served model, as MODEL+NAME=PATH of a GGUF file; served under MODEL+NAME and loaded by its first request; may be repeated",
      placeholder: "model+name=path",
      singular: "--adapter",
    }),
  upstreams: z.array(upstreamSchema).max(64).default([]).meta({
    description:
      "other server that answers for models, as NAME=URL or NAME=KIND:URL; if only upstreams are given, no local model is served; may be repeated",
    placeholder: "name=url",
    isGroups: true,
    singular: "--upstream",
  }),
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
    .meta({
      description: "another name for a served model, as NAME=MODEL; may be repeated",
      placeholder: "name=model",
    }),
  routes: z.array(routeSchema).max(64).prefault([]).meta({
    description: "a name that stands for several models, as NAME=MODEL for each of them, in order; may be repeated",
    placeholder: "name=model",
    isGroups: true,
    singular: "--route",
  }),
  unknownModel: z
    .enum(["refuse", "default"])
    .default("refuse")
    .describe("how to handle a request for an unknown model: refuse it with a 404, or let the default model answer"),
  listPresets: z.boolean().default(true).describe("include the presets in the list of models"),
  onDemand: z.array(z.string().min(1).max(4096)).max(256).default([]).meta({
    description:
      "model that is loaded when it is asked for, named as in model, or downloaded for all in the models folder; if only these are given, no model is loaded at the start; may be repeated",
    placeholder: "model|downloaded",
  }),
  memory: memorySchema.default("auto").meta({
    description:
      "memory that loaded models may take together; models that are not in use are unloaded when another one needs it; auto takes 90 % of what is free at the start",
    placeholder: "auto|size",
  }),
  keepLoaded: modelSettings.keepLoaded,
  preload: modelSettings.preload,
  pin: modelSettings.pin,
  slots: modelSettings.slots,
  replicas: modelSettings.replicas,
  devices: modelSettings.devices,
  canary: modelSettings.canary,
  context: modelSettings.context,
  threads: modelSettings.threads,
  gpu: modelSettings.gpu,
  flashAttention: modelSettings.flashAttention,
  prefillChunk: modelSettings.prefillChunk,
  prefillPauseMs: modelSettings.prefillPauseMs,
  prefillShare: modelSettings.prefillShare,
  prefixStoreBytes: modelSettings.prefixStoreBytes,
  keepPrefixes: z
    .boolean()
    .default(true)
    .describe(
      "keep evaluated prompts when a model is unloaded or the gateway ends, in files beside the state file that contain the prompts",
    ),
  drafts: modelSettings.drafts,
  localWatts: z
    .number()
    .min(0)
    .max(1_000_000)
    .default(0)
    .describe(
      "power of this machine while a model computes, in watts, to estimate the energy of answers; 0 estimates nothing",
    ),
  measureEnergy: z
    .boolean()
    .default(false)
    .describe("measure the energy of answers by the processors' counters (RAPL), if this user may read them"),
  pricePerKwh: z
    .number()
    .min(0)
    .max(1_000_000)
    .default(0)
    .describe("price of this machine's energy, in US dollars per kWh, to tell what its answers cost"),
  pricePerHour: z
    .number()
    .min(0)
    .max(1_000_000)
    .default(0)
    .describe("price of an hour in which this machine computes, in US dollars, in addition to its energy"),
  perModel: z.array(ownSettingSchema).max(512).default([]).meta({
    description: "a setting for one model only, as MODEL.SETTING=VALUE; may be repeated",
    placeholder: "model.setting=value",
    isSection: true,
  }),
  cacheBytes: z
    .int()
    .min(0)
    .max(1_099_511_627_776)
    .default(64 * 1024 ** 2)
    .describe("maximum memory for cached answers, in bytes; 0 caches none"),
  cacheTtlSeconds: z
    .int()
    .min(1)
    .max(31_536_000)
    .default(86_400)
    .describe("how long a cached answer is valid, in seconds"),
  cacheFile: z
    .string()
    .default("")
    .describe("file that keeps cached answers across restarts; without one they are lost on exit"),
  cacheFollowMs: z
    .int()
    .min(0)
    .max(600_000)
    .default(10_000)
    .describe("maximum wait for another gateway that is already generating the same answer, in ms; 0 never waits"),
  modelsDir: z.string().min(1).default("models").describe("folder for downloaded models"),
  promptsDir: z.string().min(1).default("prompts").describe("folder with prompt presets, one YAML file each"),
  warmPresets: z
    .boolean()
    .default(true)
    .describe(
      "while the gateway is idle, prefill the presets' texts and cache answers to the requests they list as likely",
    ),
  stateFile: z
    .string()
    .min(1)
    .default("state/sluice.db")
    .describe(
      "SQLite file for stored responses, conversations and completions, keys and usage; :memory: keeps them only until exit",
    ),
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
    .describe("maximum number of responses, of completions and of conversations to keep; the oldest are removed first"),
  maxFileBytes: z
    .int()
    .min(1024)
    .max(1_099_511_627_776)
    .default(2 * 1024 ** 3)
    .describe("maximum size of an uploaded file, in bytes"),
  maxStoredFileBytes: z
    .int()
    .min(1024)
    .max(1_125_899_906_842_624)
    .default(16 * 1024 ** 3)
    .describe("maximum size of all files of one key together, in bytes"),
  maxSharedFileBytes: z
    .int()
    .min(1024)
    .max(1_125_899_906_842_624)
    .default(1024 ** 3)
    .describe("maximum size of all files together that gateways share in Redis, in bytes; they are in its memory"),
  insecure: z
    .boolean()
    .default(false)
    .describe("allow addresses that other machines can reach, even if there are no keys"),
  keysFile: z
    .string()
    .default("")
    .describe("YAML file with keys, in addition to those made with `keys create`; read again when it changes"),
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
      description:
        "an additional key without limits; set it in the environment, because other users can see a program's flags",
      writeOnly: true,
    }),
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
  minSlots: modelSettings.minSlots,
  targetItlMs: modelSettings.targetItlMs,
  maxPending: z
    .int()
    .min(1)
    .max(100_000)
    .default(256)
    .describe("maximum number of requests in progress, waiting ones included; more are refused"),
  maxPendingTokens: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .default(1_048_576)
    .describe(
      "maximum number of prompt tokens of all requests in progress, as estimated; more are refused, but a single request is always accepted",
    ),
  maxWaitMs: z
    .int()
    .min(1)
    .max(3_600_000)
    .default(60_000)
    .describe(
      "maximum predicted wait for the first token, in ms; requests that would wait longer are refused, and a request may set a shorter wait",
    ),
  maxTokens: answerTokens.meta({
    description:
      "answer length in tokens for requests that set none, as N or MODEL=N; unset means as many as fit; may be repeated",
    placeholder: "n|model=n",
  }),
  maxTokensLimit: answerTokens.meta({
    description:
      "maximum answer length in tokens, as N or MODEL=N; a request for more is not refused, but lowered to it; may be repeated",
    placeholder: "n|model=n",
  }),
  shadowShare: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe(
      "share of the requests answered by upstreams that this machine answers too, while it is idle, to compare; 0 compares none",
    ),
  shadowModel: z.string().max(4096).default("").describe("local model that answers them, by its id or alias"),
  shadowEmbedder: z
    .string()
    .max(4096)
    .default("")
    .describe("local model whose vectors tell whether two texts say the same; without one they must be equal"),
  shadowKeepTexts: z
    .boolean()
    .default(false)
    .describe("keep the questions and answers that were compared, to propose examples for presets"),
  maxBodyBytes: z
    .int()
    .min(1024)
    .max(1_073_741_824)
    .default(16 * 1024 * 1024)
    .describe("maximum size of a request body, in bytes"),
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
    .describe("how long a request body may arrive more slowly than the minimum rate, in ms"),
  minBodyRate: z
    .int()
    .min(0)
    .max(1_073_741_824)
    .default(500)
    .describe(
      "minimum rate of a request body, in bytes per second; with 0, one byte within the body timeout is enough",
    ),
  readTimeoutMs: z
    .int()
    .min(100)
    .max(3_600_000)
    .default(30_000)
    .describe("how long a client may read nothing while output is ready for it, in ms"),
  keepAliveMs: z
    .int()
    .min(1)
    .max(3_600_000)
    .default(15_000)
    .describe("how long a connection may stay idle between two requests, in ms"),
  maxConnections: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(1_024)
    .describe("maximum number of open connections; beyond that, the one idle longest is closed"),
  corsOrigins: z
    .array(z.union([z.literal("*"), originSchema, appOriginSchema]))
    .max(64)
    .default([])
    .meta({
      description: "origin allowed to call from a browser, or * for any; may be repeated",
      placeholder: "origin|*",
    }),
  allowedHosts: z
    .array(hostNameSchema)
    .max(64)
    .default([])
    .describe(
      "host name that clients may use for a gateway without keys, besides its own address, or * for any; may be repeated",
    ),
  pages: z
    .boolean()
    .default(true)
    .describe("serve pages for browsers at /; what they show needs the same keys as the API"),
  resumeGraceMs: z
    .int()
    .min(0)
    .max(3_600_000)
    .default(30_000)
    .describe(
      "how long the work for a stream goes on while nobody reads it, if its client asked for that with `sluice-resume: 1`, in ms",
    ),
  resumeKeepMs: z
    .int()
    .min(0)
    .max(86_400_000)
    .default(300_000)
    .describe("how long such a stream can be taken up after its end, in ms"),
  resumeBytes: z
    .int()
    .min(0)
    .max(1_099_511_627_776)
    .default(64 * 1024 ** 2)
    .describe("maximum memory for streams that can be taken up, in bytes; 0 keeps none"),
  journal: z
    .boolean()
    .default(false)
    .describe(
      "write such streams to the state file while they run, with their requests, so that they can be taken up after a restart",
    ),
  watchSettings: z
    .boolean()
    .default(false)
    .describe("reload the settings when their file changes, as SIGHUP and `sluice reload` do"),
  objectives: z
    .array(
      z
        .string()
        .max(512)
        .regex(/^\s*[^=\s][^=]*=\s*(interactive|default|batch)\s*$/)
        .describe("NAME=CLASS, where CLASS is one of interactive, default, batch"),
    )
    .max(256)
    .default([])
    .meta({
      description: "class of requests with this name in llm-d's header for objectives, as NAME=CLASS; may be repeated",
      placeholder: "name=class",
    }),
  drainDelayMs: z
    .int()
    .min(0)
    .max(3_600_000)
    .default(0)
    .describe(
      "how long the gateway goes on as before after SIGTERM or SIGINT while GET /ready is 503, so that load balancers send nothing more, in ms",
    ),
  metrics: z
    .enum(["key", "open", "off"])
    .default("key")
    .describe("who may read GET /metrics: who holds a key if there are keys, anyone, or nobody"),
  metricsPort: z
    .union([z.literal("none"), z.int().min(0).max(65_535)])
    .default("none")
    .describe(
      "port at which GET /metrics needs no key, and has nothing beside it; 0 picks a free one. Whoever reaches it reads the names of models and how much is asked",
    ),
  metricsHost: z
    .union([z.literal("").describe("nothing, for the address of --host"), z.string().min(1)])
    .default("")
    .describe("address to listen on for --metrics-port"),
  recentRequests: z
    .int()
    .min(0)
    .max(10_000)
    .default(1_000)
    .describe("how many of the last requests to keep in memory for GET /admin/requests, without prompts; 0 keeps none"),
  prefixDoctor: z
    .boolean()
    .default(true)
    .describe(
      "find out why prompts of the last requests were not reused; keyed hashes of their lines are kept in memory for that",
    ),
  shutdownGraceMs: z
    .int()
    .min(0)
    .max(3_600_000)
    .default(30_000)
    .describe("how long running requests may continue after SIGTERM or SIGINT, in ms"),
  logLevel: z.enum(LOG_LEVELS).default("info").describe("lowest level of log messages to print"),
});

/** All settings, valid and complete. */
export type Config = z.infer<typeof configSchema>;
