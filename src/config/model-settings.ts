import { z } from "zod";
import { keepLoadedSchema } from "./amounts.ts";
import { devicesSchema } from "./devices.ts";

/** The settings that each model may have for itself. `schema.ts` has them as the defaults of all models. */
export const modelSettings = {
  slots: z.int().min(1).max(256).default(4).describe("number of sequences that each model runs at once"),
  replicas: z
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe(
      "number of processes with the whole model, each with its own slots; a request goes to the one that begins it first, where most of its prompt is held",
    ),
  devices: devicesSchema.default("auto").meta({
    description:
      "GPUs of each replica by their numbers, as 0,1 or 0+1,2+3; replicas beyond the list begin with its first entry again; auto lets llama.cpp use all",
    placeholder: "auto|list",
  }),
  canary: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe(
      "share of the sessions that a new version of a model's file gets until it is promoted, from 0 to 1; 1 replaces the old one once the new one is loaded",
    ),
  context: z
    .union([z.literal("auto"), z.int().min(64).max(1_048_576)])
    .default("auto")
    .describe(
      "context size of each slot in tokens, prompt and answer together; auto is the model's own size, up to 4096",
    ),
  threads: z
    .union([z.literal("auto"), z.int().min(1).max(1024)])
    .default("auto")
    .describe(
      "maximum number of CPU threads for each model; auto uses one per physical core, without efficiency cores",
    ),
  gpu: z
    .enum(["auto", "off", "cuda", "vulkan", "metal"])
    .default("auto")
    .describe("GPU backend for the model's layers; off uses the CPU only"),
  flashAttention: z
    .enum(["auto", "on", "off"])
    .default("auto")
    .describe("flash attention, which needs less memory; auto uses it wherever llama.cpp supports it"),
  prefillChunk: z
    .int()
    .min(1)
    .max(8192)
    .default(64)
    .describe("prompts are evaluated in chunks of at most this many tokens"),
  prefillPauseMs: z
    .int()
    .min(1)
    .max(60_000)
    .default(50)
    .describe(
      "how long prefill may pause the answers in progress at a time, in ms; a greedy or seeded request always prefills whole chunks",
    ),
  prefillShare: z
    .number()
    .min(0.05)
    .max(1)
    .default(0.75)
    .describe("maximum share of the time spent on prefill while answers are in progress; 1 means no limit"),
  prefixStoreBytes: z
    .int()
    .min(0)
    .max(1_099_511_627_776)
    .default(1024 ** 3)
    .describe(
      "maximum bytes of evaluated prompts kept in files when their slot is reassigned or the model is unloaded, and at most half of the free disk; 0 keeps none",
    ),
  drafts: z
    .enum(["auto", "off"])
    .default("off")
    .describe(
      "guess several tokens from what is repeated in prompt and answer, and evaluate them at once; auto measures at start whether that is faster",
    ),
  keepLoaded: keepLoadedSchema.default("auto").meta({
    description:
      "how long a model stays loaded without requests; auto keeps the models of --model, and others for 5 minutes; always keeps all",
    placeholder: "auto|always|time",
  }),
  preload: z
    .enum(["auto", "on", "off"])
    .default("auto")
    .describe("load a model at the start rather than when it is asked for; auto loads the models of --model"),
  pin: z.enum(["on", "off"]).default("off").describe("never unload a model to make room in memory for another"),
  minSlots: z
    .int()
    .min(1)
    .max(256)
    .default(1)
    .describe("minimum number of sequences that each model runs at once, however slow they are; slots is the maximum"),
  targetItlMs: z
    .int()
    .min(1)
    .max(60_000)
    .default(250)
    .describe(
      "time between two tokens above which fewer sequences run at once, in ms; twice the time of a single sequence is always allowed",
    ),
};

type ModelSettings = z.infer<z.ZodObject<typeof modelSettings>>;

/** The settings that each model may have of its own: those, and the length of its answers. */
const ofOneModel: Readonly<Record<string, z.ZodType>> = {
  ...modelSettings,
  maxTokens: z.int().min(1).max(1_048_576),
  maxTokensLimit: z.int().min(1).max(1_048_576),
};

const NAMES = Object.keys(ofOneModel);

/** One model's own value of a setting. */
type OwnSetting = { readonly model: string; readonly key: string; readonly value: unknown };

/** Such as `qwen3-4b.slots=2`. Models' names may hold dots, settings' don't. */
const FORM = /^(.+)\.([A-Za-z]+)=(.*)$/;

/** The entries of the setting `perModel`. */
export const ownSettingSchema = z
  .string()
  .max(4096)
  .superRefine((text, context) => {
    const problem = problemOf(text);
    if (problem !== undefined) context.addIssue({ code: "custom", params: problem });
  })
  .describe(`MODEL.SETTING=VALUE, where SETTING is one of ${NAMES.join(", ")}`);

function problemOf(text: string): { readonly reason?: string } | undefined {
  const [, , key, value = ""] = FORM.exec(text) ?? [];
  if (key === undefined) return {};
  const schema = Object.hasOwn(ofOneModel, key) ? ofOneModel[key] : undefined;
  if (schema === undefined) return { reason: `a model has no '${key}' of its own` };
  return readAs(schema, value) === undefined ? { reason: `'${value}' is no value of '${key}'` } : undefined;
}

/** What the text stands for; undefined where the setting has no such value. */
function readAs(schema: z.ZodType, text: string): unknown {
  const asNumber = text.trim() === "" ? Number.NaN : Number(text);
  return [text, asNumber].map((value) => schema.safeParse(value)).find(({ success }) => success)?.data;
}

/** @param entries that the schema has checked */
function readEntries(entries: readonly string[]): readonly OwnSetting[] {
  return entries.flatMap((entry) => {
    const [, model = "", key = "", text = ""] = FORM.exec(entry) ?? [];
    const schema = ofOneModel[key];
    return schema === undefined ? [] : [{ model, key, value: readAs(schema, text) }];
  });
}

/**
 * The settings in force for one model: its own before those of all. A later entry goes before an earlier.
 *
 * @param names the model's id and aliases, in any case of letters
 */
export function settingsOf<Settings extends ModelSettings & { readonly perModel: readonly string[] }>(
  settings: Settings,
  names: readonly string[],
): Settings {
  const own = new Set(names.map((name) => name.toLowerCase()));
  const entries = readEntries(settings.perModel).filter(
    ({ model, key }) => own.has(model.toLowerCase()) && Object.hasOwn(modelSettings, key),
  );
  return { ...settings, ...Object.fromEntries(entries.map(({ key, value }) => [key, value])) };
}

/** Models' own lengths of answers, in the form in which `maxTokens` has them: `MODEL=N`. */
export function ownLengths(entries: readonly string[], key: "maxTokens" | "maxTokensLimit"): readonly string[] {
  return readEntries(entries)
    .filter((entry) => entry.key === key)
    .map(({ model, value }) => `${model}=${value}`);
}

/** The names of the models that have settings of their own. */
export function modelsWithSettings(entries: readonly string[]): readonly string[] {
  return [...new Set(readEntries(entries).map(({ model }) => model))];
}
