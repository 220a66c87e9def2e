import { z } from "zod";
import type { Channel } from "./channel.ts";
import type { Kind } from "./kinds.ts";
import { readWholeJson } from "./messages.ts";

/** A model in an upstream's own list, and what that says of it. */
export type ListedModel = {
  readonly name: string;
  readonly contextTokens?: number;
  readonly family?: string;
  readonly quantization?: string;
  readonly sizeBytes?: number;
  /** Changes with the model, where the upstream tells anything of the kind. */
  readonly version?: string;
  /** What it can do, in the words of Ollama and Sluice. */
  readonly capabilities?: readonly string[];
};

/** More models of one server are not served. */
const MAX_MODELS = 1_000;
/** Two gateways that list each other's models would make names without end. */
const MAX_NAME_PARTS = 8;

const word = z.string().max(1_024).optional().catch(undefined);
const tokens = z.int().min(1).max(1_000_000_000).optional().catch(undefined);

const entrySchema = z.object({
  id: word,
  name: word,
  created: z.number().optional().catch(undefined),
  digest: word,
  size: z.int().min(0).optional().catch(undefined),
  max_model_len: tokens,
  context_length: tokens,
  max_context_length: tokens,
  max_input_tokens: tokens,
  capabilities: z.array(z.string().max(64)).max(64).optional().catch(undefined),
  meta: z.object({ n_ctx: tokens, n_ctx_train: tokens }).optional().catch(undefined),
  details: z.object({ family: word, quantization_level: word, context_length: tokens }).optional().catch(undefined),
});

/** OpenAI's and Anthropic's lists are in `data`, Ollama's in `models`. */
const listSchema = z.object({ data: z.array(z.unknown()).nullish(), models: z.array(z.unknown()).nullish() });

/** Reads the list of an upstream's models. Rejects with `UpstreamError`, or with zod's error. */
export async function readModelList(
  upstream: string,
  channel: Channel,
  { path, signal }: { readonly path: string; readonly signal: AbortSignal },
): Promise<readonly ListedModel[]> {
  const reply = await channel.ask({ method: "GET", path, headers: {}, signal });
  const { data, models } = listSchema.parse(await readWholeJson(upstream, reply));
  return (data ?? models ?? []).slice(0, MAX_MODELS).flatMap(readEntry);
}

function readEntry(given: unknown): ListedModel[] {
  const { success, data: entry } = entrySchema.safeParse(given);
  const name = success ? (entry.id ?? entry.name) : undefined;
  if (!success || name === undefined || !/^[^\s=]+$/.test(name)) return [];
  if (name.split("/").length > MAX_NAME_PARTS) return [];
  const { details, meta, size, digest, created, capabilities } = entry;
  return [
    {
      name,
      ...maybe(
        "contextTokens",
        entry.max_model_len ??
          meta?.n_ctx ??
          entry.context_length ??
          entry.max_context_length ??
          entry.max_input_tokens,
      ),
      ...maybe("family", details?.family || undefined),
      ...maybe("quantization", details?.quantization_level || undefined),
      ...maybe("sizeBytes", size),
      ...maybe("version", digest ?? created?.toString()),
      ...maybe("capabilities", capabilities),
    },
  ];
}

function maybe<Name extends string, Value>(name: Name, value: Value | undefined): { readonly [_ in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [_ in Name]?: Value };
}

/** The path of the list, from the prefix on. Anthropic's comes in pages. */
export function listPath({ models, api }: Kind): string {
  return api === "anthropic" ? `${models}?limit=${MAX_MODELS}` : models;
}
