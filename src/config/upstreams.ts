import { z } from "zod";

/** The servers that Sluice knows. `generic` is any other that speaks OpenAI's API. */
const UPSTREAM_KINDS = [
  ...["openai", "anthropic", "generic", "vllm", "sglang", "llama-server", "ollama", "lm-studio", "sluice"],
  ...["triton", "openvino", "onnx", "ray-serve"],
] as const;

/** Where the hosted ones are, so that their URL need not be given. */
const HOSTED: Readonly<Record<string, string>> = {
  openai: "https://api.openai.com",
  anthropic: "https://api.anthropic.com",
};
const KEY_VARIABLES: Readonly<Record<string, string>> = { openai: "OPENAI_API_KEY", anthropic: "ANTHROPIC_API_KEY" };

/** A flag's form: `NAME=URL` or `NAME=KIND:URL`. */
const TEXT_FORM = new RegExp(`^([^=]+)=(?:(${UPSTREAM_KINDS.join("|")}):(?=https?://))?(.+)$`, "i");

const milliseconds = (fallback: number) => z.int().min(1).max(86_400_000).default(fallback);

const capabilitiesSchema = z.strictObject({
  text: z.boolean().optional(),
  tools: z.boolean().optional(),
  schemas: z.boolean().optional(),
  logprobs: z.boolean().optional(),
  images: z.boolean().optional(),
  embeddings: z.boolean().optional(),
});

const money = z.number().min(0).max(1_000_000);

/** US dollars per million tokens. */
const priceSchema = z
  .strictObject({ input: money, output: money, cachedInput: money.optional() })
  .describe("US dollars per million tokens, as a group with input, output and perhaps cachedInput");

const contextTokens = z.int().min(1).max(1_000_000_000);

const modelSchema = z.strictObject({
  /** What the upstream calls it. */
  name: z.string().min(1).max(1_024),
  contextTokens: contextTokens.optional(),
  capabilities: capabilitiesSchema.optional(),
  /** In the place of the upstream's and the table's. */
  price: priceSchema.optional(),
});

const ownName = z
  .string()
  .min(1)
  .max(1_024)
  .regex(/^[^\s=]+$/);

/** A list of names, or a map of own names to the upstream's, as one map. */
const modelsSchema = z
  .preprocess(
    nameModels,
    z.union([z.literal("all"), z.record(ownName, modelSchema).refine((all) => Object.keys(all).length > 0)]),
  )
  .describe(
    "all, a list of the upstream's names, or a map of own names, each with the upstream's name or with name, contextTokens, capabilities and price",
  );

function nameModels(given: unknown): unknown {
  if (Array.isArray(given)) return Object.fromEntries(given.map((name) => [String(name), { name }]));
  if (typeof given !== "object" || given === null) return given;
  return Object.fromEntries(
    Object.entries(given).map(([own, model]) => [own, typeof model === "string" ? { name: model } : model]),
  );
}

/** A URL that is refused may hold a password, so no message shows it. */
const httpUrl = z
  .string()
  .superRefine((text, context) => {
    const cause = faultOf(text);
    if (cause !== undefined) context.addIssue({ code: "custom", params: { cause } });
  })
  .meta({ description: "an http or https URL without user, password, query and fragment", writeOnly: true });

/** What is wrong with a URL, without any part of it. */
function faultOf(text: string): string | undefined {
  if (/^[\w-]+:https?:/i.test(text)) return "the kind before its URL is unknown";
  if (!URL.canParse(text)) {
    const withoutPort = text.replace(/^(https?:\/\/[^/?#]*):[^:/?#@\]]*(?=[/?#]|$)/i, "$1");
    return withoutPort !== text && URL.canParse(withoutPort)
      ? "its port is not a number from 0 to 65535"
      : "it is not a valid URL";
  }
  const { protocol, username, password, search, hash } = new URL(text);
  if (protocol !== "http:" && protocol !== "https:") return "its URL begins with neither http:// nor https://";
  if (username + password !== "")
    return "its URL has a user or a password: name the key's place by apiKeyEnv in the file";
  if (search !== "") return "its URL has a query";
  return hash === "" ? undefined : "its URL has a fragment";
}

const headerName = z.string().regex(/^[a-z0-9-]{1,64}$/);

const groupSchema = z
  .strictObject({
    name: z
      .string()
      .refine((text) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text), {
        params: { cause: "its name is not 1 to 64 letters, digits and . _ -" },
      })
      .describe("1 to 64 letters, digits and . _ -"),
    /** With or without the prefix of its API, such as `/v1`. */
    baseUrl: httpUrl,
    kind: z.enum(UPSTREAM_KINDS).default("generic"),
    /** In the place of the kind's own, such as `/v1`. */
    pathPrefix: z
      .string()
      .regex(/^(\/[\w.~-]+){0,8}$/)
      .meta({ description: "a path such as /v1, or nothing", writeOnly: true })
      .optional(),
    apiKeyEnv: z
      .string()
      .regex(/^[A-Za-z_]\w{0,127}$/)
      .meta({ description: "the name of an environment variable", writeOnly: true })
      .optional(),
    apiKeyFile: z.string().min(1).max(4_096).optional(),
    models: modelsSchema.default("all"),
    /** How often the list of its models is read. */
    refreshMs: z.int().min(1_000).max(86_400_000).default(60_000),
    timeouts: z
      .strictObject({
        connectMs: milliseconds(5_000),
        firstByteMs: milliseconds(300_000),
        betweenEventsMs: milliseconds(120_000),
        totalMs: milliseconds(3_600_000),
      })
      .prefault({}),
    tls: z
      .strictObject({
        caFile: z.string().min(1).max(4_096).optional(),
        /** Whether to accept any certificate. */
        insecure: z.boolean().default(false),
      })
      .prefault({}),
    proxy: httpUrl.optional(),
    maxConcurrent: z.int().min(1).max(100_000).default(64),
    contextTokens: contextTokens.optional(),
    capabilities: capabilitiesSchema.prefault({}),
    /** Of all of its models, in the place of the table's. */
    price: priceSchema.optional(),
    /** Whether its host name may lead to a private, loopback or link-local address. An address may be one in any case. */
    allowPrivate: z.boolean().default(false),
    /** Whether requests that must be answered locally may go there. */
    local: z.boolean().default(false),
    /** Whether the response cache may keep its answers. */
    cache: z.boolean().default(false),
    /** Whether batches of its models go to its own API for batches, where it has one. */
    batch: z.boolean().default(false),
    /** By which part of the price its batches are cheaper. */
    batchDiscount: z.number().min(0).max(1).optional(),
    /** Headers that get the session's id, in the place of the kind's own. */
    sessionHeaders: z.array(headerName).max(8).optional(),
  })
  .refine(({ apiKeyEnv, apiKeyFile }) => apiKeyEnv === undefined || apiKeyFile === undefined, {
    path: ["apiKeyFile"],
    params: { reason: "apiKeyEnv is given too" },
  })
  .refine(({ kind, batch }) => !batch || (kind !== "anthropic" && kind !== "ollama"), {
    path: ["batch"],
    params: { reason: "only servers with OpenAI's API get batches as files; leave it out" },
  });

/** One entry of the setting `upstreams`. */
export const upstreamSchema = z.preprocess(readGroup, groupSchema).meta({
  description: `NAME=URL, NAME=KIND:URL or, in the file, a group of keys, where KIND is one of ${UPSTREAM_KINDS.join(", ")}`,
  writeOnly: true,
});

/** Another server, and what is served of it. */
export type UpstreamSettings = Readonly<z.infer<typeof upstreamSchema>>;
export type UpstreamKind = UpstreamSettings["kind"];
export type UpstreamModel = z.infer<typeof modelSchema>;

function readGroup(given: unknown, context: z.RefinementCtx): unknown {
  const group = typeof given === "string" ? readText(given) : given;
  if (typeof group === "string") {
    context.addIssue({ code: "custom", params: { cause: "it is not NAME=URL" } });
    return z.NEVER;
  }
  if (typeof group !== "object" || group === null || Array.isArray(group)) return group;
  const { kind, baseUrl = hostedUrl(kind) } = Object(group);
  return { ...group, ...(baseUrl !== undefined && { baseUrl }), ...usualKey(group, baseUrl) };
}

function readText(text: string): unknown {
  const [, name, kind, baseUrl] = TEXT_FORM.exec(text.trim()) ?? [];
  return name === undefined
    ? text
    : { name: name.trim(), baseUrl, ...(kind !== undefined && { kind: kind.toLowerCase() }) };
}

/** The official variable's key goes to the official host only. */
function usualKey(group: object, baseUrl: unknown): object {
  const { kind } = Object(group);
  const home = hostedUrl(kind);
  const isHome = home !== undefined && hostOf(baseUrl) === hostOf(home);
  return isHome && !("apiKeyEnv" in group) && !("apiKeyFile" in group) ? { apiKeyEnv: KEY_VARIABLES[kind] } : {};
}

/** Where the servers of a hosted kind are; undefined for other kinds, and for what is no kind. */
function hostedUrl(kind: unknown): string | undefined {
  return typeof kind === "string" && Object.hasOwn(HOSTED, kind) ? HOSTED[kind] : undefined;
}

function hostOf(url: unknown): string | undefined {
  return typeof url === "string" && URL.canParse(url) ? new URL(url).origin : undefined;
}

/** An upstream in a few words, without secrets: `name=kind:URL`. */
export function describeUpstream({ name, kind, baseUrl }: UpstreamSettings): string {
  return `${name}=${kind}:${baseUrl}`;
}

/** The models that upstreams are to answer for, as far as the settings tell. */
export function upstreamModels(upstreams: readonly UpstreamSettings[]): {
  /** Those with names of their own. */
  readonly named: readonly { readonly id: string; readonly aliases: readonly string[] }[];
  /** Whether a name is one that an upstream's list may bring. */
  readonly mayCome: (name: string) => boolean;
} {
  const whole = upstreams.filter(({ models }) => models === "all").map(({ name }) => `${name.toLowerCase()}/`);
  const named = upstreams.flatMap(({ models }) => (models === "all" ? [] : Object.keys(models)));
  return {
    named: named.map((id) => ({ id, aliases: [] })),
    mayCome: (name) => whole.some((prefix) => name.toLowerCase().startsWith(prefix)),
  };
}
