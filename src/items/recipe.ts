import type { Item } from "./item.ts";

/** The endpoints that items can be sent to, and the field of each that takes an item's text. */
const TEXT_FIELDS = {
  "/v1/chat/completions": "messages",
  "/v1/messages": "messages",
  "/v1/responses": "input",
  "/v1/completions": "prompt",
  "/v1/embeddings": "input",
  "/v1/rerank": "query",
} as const;

type Endpoint = keyof typeof TEXT_FIELDS;

/** What is done with each item. */
export type Recipe = {
  readonly endpoint: Endpoint;
  /** The fields of each request, unless the item has others; empty for none. */
  readonly template: Readonly<Record<string, unknown>>;
  /** Each item is for this preset; undefined means the model of the template or of the item. */
  readonly preset: string | undefined;
};

/** What an item's fields may not say: nobody reads its answer as a stream, or later. */
const FORBIDDEN = ["stream", "background"] as const;

/**
 * The body of the request for an item: the template, then the item's own fields, then its text as the last message, or where the endpoint takes
 * one. If a field must not be there, its name is returned in place of a body.
 */
export function bodyOf(
  { endpoint, template, preset }: Recipe,
  { input, variables, body = {} }: Item,
): { readonly body: Readonly<Record<string, unknown>> } | { readonly forbidden: string } {
  const merged: Record<string, unknown> = { ...template, ...body };
  if (preset !== undefined) merged.model = `preset/${preset}`;
  if (variables !== undefined) merged.variables = { ...asObject(merged.variables), ...variables };
  if (input !== undefined) {
    const field = TEXT_FIELDS[endpoint];
    const before = merged[field];
    merged[field] =
      field === "messages" ? [...(Array.isArray(before) ? before : []), { role: "user", content: input }] : input;
  }
  const forbidden = FORBIDDEN.find((name) => ![undefined, null, false].includes(merged[name] as undefined));
  return forbidden === undefined ? { body: merged } : { forbidden };
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}
