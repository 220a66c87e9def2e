import type { Config } from "./schema.ts";

/** Settings that belong together, as the help and the documents show them. */
type SettingGroup = { readonly title: string; readonly keys: readonly (keyof Config)[] };

const GROUPS = {
  "Address and access": ["host", "port", "insecure", "apiKey", "keysFile", "corsOrigins", "allowedHosts", "pages"],
  "Models and names": [
    "model",
    "adapters",
    "aliases",
    "routes",
    "unknownModel",
    "listPresets",
    "modelsDir",
    "perModel",
  ],
  "Other servers": ["upstreams", "shadowShare", "shadowModel", "shadowEmbedder", "shadowKeepTexts", "objectives"],
  "Models in memory": [
    "onDemand",
    "memory",
    "keepLoaded",
    "preload",
    "pin",
    "slots",
    "minSlots",
    "replicas",
    "devices",
    "canary",
    "context",
    "keepPrefixes",
    "prefixStoreBytes",
  ],
  "How models compute": [
    "threads",
    "gpu",
    "flashAttention",
    "prefillChunk",
    "prefillPauseMs",
    "prefillShare",
    "drafts",
    "targetItlMs",
    "localWatts",
    "measureEnergy",
    "pricePerKwh",
    "pricePerHour",
  ],
  "Limits of requests and answers": [
    "maxPending",
    "maxPendingTokens",
    "maxWaitMs",
    "maxTokens",
    "maxTokensLimit",
    "maxBodyBytes",
  ],
  "Cache and presets": ["cacheBytes", "cacheTtlSeconds", "cacheFile", "cacheFollowMs", "promptsDir", "warmPresets"],
  "Stored state": ["stateFile", "stateMaxDays", "stateMaxEntries", "maxFileBytes", "maxStoredFileBytes"],
  "Several gateways": ["redisUrl", "redisShares", "redisTimeoutMs", "maxSharedFileBytes"],
  "Connections and streams": [
    "headerTimeoutMs",
    "bodyTimeoutMs",
    "minBodyRate",
    "readTimeoutMs",
    "keepAliveMs",
    "maxConnections",
    "resumeGraceMs",
    "resumeKeepMs",
    "resumeBytes",
    "journal",
  ],
  "Operation and logs": [
    "watchSettings",
    "drainDelayMs",
    "shutdownGraceMs",
    "metrics",
    "metricsPort",
    "metricsHost",
    "recentRequests",
    "prefixDoctor",
    "logLevel",
  ],
} as const satisfies Readonly<Record<string, readonly (keyof Config)[]>>;

type Grouped = (typeof GROUPS)[keyof typeof GROUPS][number];

/** Every setting, once, by what it is about. A setting without a group doesn't compile. */
export const settingGroups: readonly SettingGroup[] = Object.entries(
  GROUPS satisfies keyof Config extends Grouped ? object : never,
).map(([title, keys]) => ({ title, keys }));
