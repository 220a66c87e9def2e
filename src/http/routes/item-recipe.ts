import type { Context } from "hono";
import { ModelNotFoundError } from "../../generation/errors.ts";
import { bodyOf, type Recipe } from "../../items/recipe.ts";
import type { PresetLibrary } from "../../prompts/library.ts";
import { modelBehind, PRESET_PREFIX, parseReference } from "../../prompts/reference.ts";
import { decodeChatRequest } from "../../protocols/chat/decode.ts";
import { decodeCompletionRequest } from "../../protocols/completions/decode.ts";
import { decodeFor } from "../../protocols/destination.ts";
import { decodeEmbeddingsRequest } from "../../protocols/embeddings/decode.ts";
import { InvalidRequestError } from "../../protocols/errors.ts";
import { decodeMessagesRequest } from "../../protocols/messages/decode.ts";
import { decodeRerankRequest } from "../../protocols/rerank/rerank.ts";
import { decodeResponsesRequest } from "../../protocols/responses/decode.ts";
import type { ModelDirectory } from "../../routing/directory.ts";
import type { HttpEnv } from "../context.ts";
import { modelsAndRoutesFor } from "../model.ts";
import { refusePreset } from "../preset.ts";

/** By what it is known whether items can be answered at all. */
export type RecipeDeps = { readonly presets: PresetLibrary; readonly models: ModelDirectory };

type Endpoint = Recipe["endpoint"];

const DECODE: Readonly<Record<Endpoint, (body: unknown) => unknown>> = {
  "/v1/chat/completions": decodeChatRequest,
  "/v1/messages": (body) => decodeMessagesRequest(body),
  "/v1/responses": decodeResponsesRequest,
  "/v1/completions": decodeCompletionRequest,
  "/v1/embeddings": decodeEmbeddingsRequest,
  "/v1/rerank": decodeRerankRequest,
};

/** The endpoints that take presets. */
const CONVERSATIONS: readonly Endpoint[] = ["/v1/chat/completions", "/v1/messages", "/v1/responses"];

/** What may be right with an item's own fields. */
const OF_SEVERAL_FIELDS: readonly (string | null)[] = ["invalid_parameter_combination", "missing_required_parameter"];

/** A model that could be anywhere, so that nothing is refused that some model takes. */
const ANYWHERE = { isElsewhere: true, readsImages: true };

/** Throws `ModelNotFoundError` or `InvalidRequestError` if no item could be answered by what is named: a preset as `preset/NAME`, or a model. */
function assertAnswerable(
  c: Context<HttpEnv>,
  { presets, models }: RecipeDeps,
  { endpoint, model }: { readonly endpoint: Endpoint; readonly model: string },
): void {
  const reference = parseReference(model);
  const usable = modelsAndRoutesFor(c, models);
  if (reference === undefined) {
    if (models.unknownModel !== "default" && !isKnown(models, model)) {
      throw new ModelNotFoundError(
        model,
        usable.map(({ id }) => id),
      );
    }
    return;
  }
  if (!CONVERSATIONS.includes(endpoint)) refusePreset({ model });
  modelBehind(presets.find(reference), usable);
}

/** A model that may come is known, too. */
function isKnown(models: ModelDirectory, name: string): boolean {
  try {
    models.resolve(name);
    return true;
  } catch (error) {
    return !(error instanceof ModelNotFoundError);
  }
}

/** The same for a query's preset. */
export function assertPreset(
  c: Context<HttpEnv>,
  deps: RecipeDeps,
  { endpoint, preset }: Pick<Recipe, "endpoint" | "preset">,
): void {
  if (preset !== undefined) assertAnswerable(c, deps, { endpoint, model: `${PRESET_PREFIX}${preset}` });
}

/** Why no item could be answered with this template; undefined if nothing in it is wrong whatever an item adds. */
export function faultInTemplate(c: Context<HttpEnv>, deps: RecipeDeps, recipe: Recipe): string | undefined {
  const { endpoint, preset, template } = recipe;
  const made = bodyOf({ ...recipe, preset: undefined }, { input: "" });
  if ("forbidden" in made) return `'template' can't have '${made.forbidden}'. Leave it out.`;
  try {
    const { model } = template;
    if (preset === undefined && typeof model === "string") assertAnswerable(c, deps, { endpoint, model });
    decodeFor(ANYWHERE, () => DECODE[endpoint](made.body));
  } catch (error) {
    if (error instanceof ModelNotFoundError) return `'template.model': ${error.message}`;
    if (!(error instanceof InvalidRequestError)) return undefined;
    const [field = ""] = /^\w+/.exec(error.param ?? "") ?? [];
    const isOwn = Object.hasOwn(template, field) && !OF_SEVERAL_FIELDS.includes(error.code);
    return isOwn ? `'template.${error.param}': ${error.message}` : undefined;
  }
  return undefined;
}
