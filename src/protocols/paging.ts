import { z } from "zod";
import { integer, string } from "./fields.ts";
import { parseWire } from "./issue.ts";

const MAX_PAGE = 100;
const DEFAULT_PAGE = 20;
const MAX_ID_LENGTH = 256;

const pageSchema = z.object({
  limit: integer(1, MAX_PAGE).optional(),
  order: z.enum(["asc", "desc"]).optional(),
  after: string(MAX_ID_LENGTH).min(1).optional(),
});

/** The requested page of a list. */
export type Paging = {
  readonly limit: number;
  readonly order: "asc" | "desc";
  /** The id of the last entry of the previous page. */
  readonly after: string | undefined;
};

/** Decodes `limit`, `order` and `after` of a URL's query. Throws `InvalidRequestError`. */
export function decodePaging(query: Readonly<Record<string, string>>, defaultOrder: Paging["order"]): Paging {
  const { limit, order, after } = parseWire(pageSchema, readNumbers(query, "limit"));
  return { limit: limit ?? DEFAULT_PAGE, order: order ?? defaultOrder, after };
}

/** A URL's query with whole numbers in place of the texts in these fields, as far as they are whole numbers. */
export function readNumbers(
  query: Readonly<Record<string, string>>,
  ...fields: readonly string[]
): Readonly<Record<string, string | number>> {
  const isNumber = (name: string, text: string) => fields.includes(name) && /^-?\d{1,9}$/.test(text);
  return Object.fromEntries(
    Object.entries(query).map(([name, text]) => [name, isNumber(name, text) ? Number(text) : text]),
  );
}

/** OpenAI's `list` object. */
export function encodeList<T extends { readonly id: string }>(data: readonly T[], hasMore: boolean) {
  return {
    object: "list",
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: hasMore,
  };
}
