/** What a list of models tells of one. */
export type ListedModel = {
  readonly id: string;
  readonly createdUnixSeconds: number;
  /** Without what is not known. */
  readonly details: () => { readonly contextTokens?: number };
};

/** Anthropic's list of models, all on one page. What is not known of a model is `null`, as its description allows. */
export function encodeModelList(models: readonly ListedModel[]) {
  return {
    data: models.map(encodeModel),
    first_id: models[0]?.id ?? null,
    last_id: models.at(-1)?.id ?? null,
    has_more: false,
  };
}

/** A model as Anthropic's API describes it. */
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
