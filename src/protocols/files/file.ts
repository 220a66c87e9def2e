import { z } from "zod";
import { InvalidRequestError } from "../errors.ts";
import { integer, string } from "../fields.ts";
import { parseWire } from "../issue.ts";
import { decodePaging, type Paging, readNumbers } from "../paging.ts";

const PURPOSES = ["batch", "user_data", "assistants", "fine-tune", "vision", "evals"] as const;

const MIN_SECONDS = 3_600;
const MAX_SECONDS = 2_592_000;
const MAX_FILENAME_LENGTH = 512;
const MAX_LISTED = 10_000;

export const purpose = z.enum(PURPOSES).describe("What the file is for. Batches read files with the purpose `batch`.");

export const expiresAfter = z
  .object(
    {
      anchor: z.literal("created_at").describe("The time from which the seconds count: always `created_at`."),
      seconds: integer(MIN_SECONDS, MAX_SECONDS).describe("The seconds after which it is removed: an hour to 30 days."),
    },
    { error: "an object" },
  )
  .describe("When it is removed. Files for batches are removed after --state-max-days by default, others never.");

/** The fields of `POST /v1/files` beside the file. */
const newFileSchema = z.object({ purpose, expires_after: expiresAfter.optional() }, { error: "an object" });

/** The form of `POST /v1/files`. */
export const newFileForm = newFileSchema.extend({
  file: z.string().meta({ format: "binary", description: "The file itself." }),
});

export type NewFileFields = {
  readonly purpose: string;
  /** Undefined if it is not set. */
  readonly lifeMs: number | undefined;
};

/** Decodes the fields of a form, `expires_after[seconds]` being one. Throws `InvalidRequestError`. */
export function decodeNewFile(fields: ReadonlyMap<string, string>): NewFileFields {
  const anchor = fields.get("expires_after[anchor]");
  const seconds = fields.get("expires_after[seconds]");
  const hasEnd = anchor !== undefined || seconds !== undefined;
  const wire = parseWire(newFileSchema, {
    purpose: fields.get("purpose"),
    ...(hasEnd && {
      expires_after: {
        anchor,
        seconds: seconds !== undefined && /^\d{1,9}$/.test(seconds) ? Number(seconds) : seconds,
      },
    }),
  });
  return { purpose: wire.purpose, lifeMs: lifeOf(wire.expires_after) };
}

export function lifeOf(after: z.infer<typeof expiresAfter> | null | undefined): number | undefined {
  return after == null ? undefined : after.seconds * 1000;
}

/** The name that a client gives to a file, without folders. Throws `InvalidRequestError` if there is none. */
export function decodeFilename(name: string): string {
  const base = name.split(/[/\\]/).at(-1) ?? "";
  if (base === "") {
    throw new InvalidRequestError(
      "The file has no name. Send it with a 'filename'.",
      "file",
      "missing_required_parameter",
    );
  }
  return base.slice(0, MAX_FILENAME_LENGTH);
}

const listSchema = z.object({
  purpose: string(64).optional(),
  limit: integer(1, MAX_LISTED).optional(),
});

/** Decodes the query of `GET /v1/files`, whose pages may be longer than others. Throws `InvalidRequestError`. */
export function decodeFileQuery(
  query: Readonly<Record<string, string>>,
): Paging & { readonly purpose: string | undefined } {
  const { limit: _, purpose: __, ...rest } = query;
  const { limit = MAX_LISTED, purpose: only } = parseWire(listSchema, readNumbers(query, "limit"));
  return { ...decodePaging(rest, "desc"), limit, purpose: only };
}

/** A stored file, as far as clients see it. */
export type KeptFile = {
  readonly id: string;
  readonly bytes: number;
  readonly createdMs: number;
  readonly expiresMs: number | null;
  readonly filename: string;
  readonly purpose: string;
};

/** OpenAI's `file` object. */
export function encodeFile({ id, bytes, createdMs, expiresMs, filename, purpose: kept }: KeptFile) {
  return {
    id,
    object: "file",
    bytes,
    created_at: Math.floor(createdMs / 1000),
    ...(expiresMs !== null && { expires_at: Math.floor(expiresMs / 1000) }),
    filename,
    purpose: kept,
    status: "processed",
  };
}
