import type { JsonSchema, Tool } from "../generation/request.ts";
import type { CachePolicy, PresetFile, PresetSampling } from "./schema.ts";
import type { Template } from "./template.ts";
import type { Variables } from "./variables.ts";

/** An example's turns, as the model reads them. */
export type Example = { readonly user: string; readonly assistant: string };

/** A prompt that was prepared: the parts of a request that stay the same from one request to the next. */
export type Preset = {
  readonly id: string;
  readonly version: string;
  readonly description: string;
  /** Of these the first that is served answers; with none, the first model that writes text. */
  readonly models: readonly string[];
  readonly system: Template | undefined;
  readonly variables: Variables;
  /** What becomes of the user's message. */
  readonly template: Template | undefined;
  readonly examples: readonly Example[];
  readonly sampling: PresetSampling;
  /** Tokens of an answer, where the request names none, and of any. */
  readonly maxTokens: number | undefined;
  readonly maxTokensLimit: number | undefined;
  readonly responseSchema: Exclude<JsonSchema, boolean> | undefined;
  readonly tools: readonly Tool[];
  readonly cache: CachePolicy;
  /** Requests that are likely to come. */
  readonly warm: PresetFile["warm"];
  /** When its file was changed. */
  readonly modifiedUnixSeconds: number;
};
