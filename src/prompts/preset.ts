import type { Thresholds } from "../generation/confidence.ts";
import type { JsonSchema, Tool } from "../generation/request.ts";
import type { CachePolicy, PresetFile, PresetSampling } from "./schema.ts";
import type { Template } from "./template.ts";
import type { Variables } from "./variables.ts";

/** An example's turns, as the model sees them. */
export type Example = { readonly user: string; readonly assistant: string };

/** A prepared prompt: the parts of a request that are the same in every request. */
export type Preset = {
  readonly id: string;
  readonly version: string;
  readonly description: string;
  /** The first of these models that is served answers; if empty, the first model that generates text. */
  readonly models: readonly string[];
  readonly system: Template | undefined;
  readonly variables: Variables;
  /** The template for the user's message. */
  readonly template: Template | undefined;
  readonly examples: readonly Example[];
  readonly sampling: PresetSampling;
  /** The default limit on an answer's tokens. `maxTokensLimit` also limits the request's own. */
  readonly maxTokens: number | undefined;
  readonly maxTokensLimit: number | undefined;
  readonly responseSchema: Exclude<JsonSchema, boolean> | undefined;
  readonly tools: readonly Tool[];
  /** Whether only models on this machine may answer. */
  readonly localOnly: boolean;
  readonly cascade: Thresholds | undefined;
  readonly cache: CachePolicy;
  /** Likely requests. */
  readonly warm: PresetFile["warm"];
  /** When its file was last changed. */
  readonly modifiedUnixSeconds: number;
};

/** Invalid presets or evaluations. The message lists every problem with its position, one per line. */
export class PresetError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The prompts can't be used:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
    this.name = "PresetError";
    this.problems = problems;
  }
}
