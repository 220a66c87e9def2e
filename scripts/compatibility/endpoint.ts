import type { z } from "zod";
import type { Operation } from "../../src/http/openapi/operation.ts";
import type { Refusal } from "../../src/protocols/refusals.ts";

/** A request that shows how Sluice handles something that isn't a field, such as a type of content part. */
export type Sample = {
  /** The name in the table, including backticks. */
  readonly what: string;
  /** Merged into the endpoint's minimal body. */
  readonly body: Readonly<Record<string, unknown>>;
};

/** An endpoint of the table. */
export type Endpoint<S extends z.ZodObject = z.ZodObject> = {
  /** The route that it describes. */
  readonly operation: Operation;
  /** The schema of the request's body. Its fields are supported, except for `hints`. */
  readonly schema: S;
  /** Known fields that are refused, at least with some values. */
  readonly refusals: readonly Refusal[];
  /** Fields of the schema that are checked and change no answer, as they change none of OpenAI's. */
  readonly hints: readonly (keyof z.input<S> & string)[];
  /** Fields inside of others that change no answer, such as `text.verbosity`, and why that is right. */
  readonly innerHints?: Readonly<Record<string, string>>;
  /** Values of the schema's lists that change no answer, by field, and why that is right. A test finds out whether they don't. */
  readonly ignoredValues?: Readonly<Partial<Record<keyof z.input<S> & string, Readonly<Record<string, string>>>>>;
  /** Fields of the published API that are passed over like unknown ones, and why that is right. */
  readonly ignored: Readonly<Record<string, string>>;
  /** Fields of the schema that the published API doesn't have, and whose they are. */
  readonly extensions: Readonly<Partial<Record<keyof z.input<S> & string, string>>>;
  /** The minimal valid body. */
  readonly base: Readonly<Record<string, unknown>>;
  /** Decodes a body. Throws an InvalidRequestError for unsupported values. */
  readonly decode: (body: unknown) => unknown;
  readonly samples: readonly Sample[];
};

/** An endpoint whose `hints` and `extensions` must be fields of its schema. */
export function defineEndpoint<S extends z.ZodObject>(endpoint: Endpoint<S>): Endpoint<S> {
  return endpoint;
}

/** Such as `POST /v1/chat/completions`. */
export function titleOf({ operation: { method, path } }: Pick<Endpoint, "operation">): string {
  return `${method.toUpperCase()} ${path}`;
}
