import type { z } from "zod";
import type { Operation } from "../../src/http/openapi/operation.ts";
import type { Refusal } from "../../src/protocols/refusals.ts";

/** A request that shows what becomes of something which is no field of its own, such as a kind of part in a message. */
export type Sample = {
  /** What it shows, as the table has it; backticks included. */
  readonly what: string;
  /** Laid over the endpoint's least body. */
  readonly body: Readonly<Record<string, unknown>>;
};

/** An endpoint, as the table tells of it. */
export type Endpoint<S extends z.ZodObject = z.ZodObject> = {
  /** The route that it describes. */
  readonly operation: Operation;
  /** What decodes the request's body. Its fields are supported, but for `hints`. */
  readonly schema: S;
  /** Fields that are known and refused, at least with some values. */
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
  /** The least body that is valid. */
  readonly base: Readonly<Record<string, unknown>>;
  /** Understands a body; throws an InvalidRequestError for what can't be had. */
  readonly decode: (body: unknown) => unknown;
  readonly samples: readonly Sample[];
};

/** An endpoint whose `hints` and `extensions` are held to the fields of its schema. */
export function defineEndpoint<S extends z.ZodObject>(endpoint: Endpoint<S>): Endpoint<S> {
  return endpoint;
}

/** Such as `POST /v1/chat/completions`. */
export function titleOf({ operation: { method, path } }: Pick<Endpoint, "operation">): string {
  return `${method.toUpperCase()} ${path}`;
}
