import type { z } from "zod";

/** A schema, and what the document calls it. */
export type NamedSchema = { readonly name: string; readonly schema: z.ZodType };

/** What a body may be of, by its media type. The schema of an event stream is that of each event's data. */
export type Content = Readonly<Record<string, NamedSchema | "text">>;

export type Parameter = {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly description: string;
  readonly schema: z.ZodType;
  /** Of the path: whether it may hold slashes. */
  readonly isGreedy?: boolean;
};

/** An error's status, as `ERRORS` explains it. */
export type ErrorStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 426 | 429 | 500 | 503 | 504 | 529;

/** `open`: everybody, without a key. `key`: everybody, with a key as soon as there are keys. `admin`: holders of an admin key. */
type Access = "open" | "key" | "admin";

/** Where a route is, what it takes and answers, and who may call it. `http/routes.ts` adds what answers it. */
export type Operation = {
  readonly method: "get" | "post" | "delete";
  /** In OpenAPI's form: `/v1/models/{id}`. */
  readonly path: string;
  /** Unique, such as `createChatCompletion`. */
  readonly id: string;
  /** The heading that it stands under. */
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly request?: NamedSchema & {
    /** Whether the body may be left out. */
    readonly isOptional?: boolean;
    /** Bodies to try, by a name in a word or two. */
    readonly examples: Readonly<Record<string, unknown>>;
  };
  /** Whether it waits for its turn, on the terms of its headers. */
  readonly waits?: boolean;
  /** Whether it may be answered from the response cache. */
  readonly isCached?: boolean;
  /** What may come back, other than errors. */
  readonly answers: Readonly<Record<number, { readonly description: string; readonly content?: Content }>>;
  readonly errors: readonly ErrorStatus[];
  /** Who may call it; `key` if absent. */
  readonly access?: Access;
  /** The errors' form where it isn't OpenAI's. */
  readonly errorBody?: NamedSchema;
};
