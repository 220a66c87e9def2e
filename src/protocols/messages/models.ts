/** A model in a list of models. */
export type ListedModel = {
  readonly id: string;
  readonly createdUnixSeconds: number;
  /** Without unknown values. */
  readonly details: () => { readonly contextTokens?: number };
};

/** Encodes Anthropic's list of models, all on one page. */
export function encodeModelList(models: readonly ListedModel[]) {
  return {
    data: models.map(encodeModel),
    first_id: models[0]?.id ?? null,
    last_id: models.at(-1)?.id ?? null,
    has_more: false,
  };
}

/** Encodes a model in Anthropic's form. Unknown values are `null`, which Anthropic's API allows. */
export function encodeModel(model: ListedModel) {
  return {
    type: "model",
    id: model.id,
    display_name: model.id,
    created_at: new Date(model.createdUnixSeconds * 1000).toISOString(),
    lifecycle: "active",
    line: null,
    capabilities: null,
    max_input_tokens: model.details().contextTokens ?? null,
    max_tokens: null,
    deprecated_at: null,
    retires_at: null,
  };
}
