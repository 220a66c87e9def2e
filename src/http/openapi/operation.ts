import type { z } from "zod";

/** A schema and its name in the document. */
export type NamedSchema = { readonly name: string; readonly schema: z.ZodType };

/** The schemas of a body, by media type. For an event stream it is the schema of each event's data. */
export type Content = Readonly<Record<string, NamedSchema | "text">>;

export type Parameter = {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly description: string;
  readonly schema: z.ZodType;
  /** For path parameters: whether the value may contain slashes. */
  readonly isGreedy?: boolean;
};

/** An error's status, as `ERRORS` explains it. */
export type ErrorStatus =
  | 400
  | 401
  | 403
  | 404
  | 405
  | 409
  | 410
  | 413
  | 415
  | 422
  | 426
  | 429
  | 500
  | 501
  | 503
  | 504
  | 529;

/** `open`: anyone, without a key. `key`: anyone, with a key if there are keys. `admin`: holders of an admin key. */
type Access = "open" | "key" | "admin";

/** A route's method, path, input, answers and access. `http/routes.ts` adds its handler. */
export type Operation = {
  readonly method: "get" | "post" | "delete";
  /** In OpenAPI's form: `/v1/models/{id}`. */
  readonly path: string;
  /** Unique, such as `createChatCompletion`. */
  readonly id: string;
  /** The heading in the document. */
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly request?: NamedSchema & {
    /** Whether the body is optional. */
    readonly isOptional?: boolean;
    /** Whether it is a form with a file, which is read as it arrives and has its own limits. */
    readonly isForm?: boolean;
    /** Whether it is lines of JSON, which are read as they arrive for as long as they come; the schema is a line's. */
    readonly isLines?: boolean;
    /** Example bodies, by a short name. */
    readonly examples: Readonly<Record<string, unknown>>;
  };
  /** Whether requests wait in the queue, and accept its headers. */
  readonly waits?: boolean;
  /** Whether the response cache may answer. */
  readonly isCached?: boolean;
  /** The answers by status, without errors. */
  readonly answers: Readonly<Record<number, { readonly description: string; readonly content?: Content }>>;
  readonly errors: readonly ErrorStatus[];
  /** Who may call it; `key` if absent. */
  readonly access?: Access;
  /** The form of errors, if it isn't OpenAI's. */
  readonly errorBody?: NamedSchema;
};
