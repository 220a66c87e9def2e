import { randomUUID } from "node:crypto";
import { z } from "zod";
import { integer, listOf, string } from "../fields.ts";
import { parseWire } from "../issue.ts";
import { decodeFilename, encodeFile, expiresAfter, type KeptFile, lifeOf, purpose } from "./file.ts";

const MAX_PARTS = 10_000;

export const newUploadSchema = z.object(
  {
    purpose,
    filename: string(512).min(1).describe("The name of the file."),
    bytes: integer(0, Number.MAX_SAFE_INTEGER).describe("The size of the whole file, which its parts must have."),
    mime_type: string(256).describe("The type of the file. Has no effect."),
    expires_after: expiresAfter
      .nullish()
      .describe(
        "When its file is removed. Files for batches are removed after --state-max-days by default, others never.",
      ),
  },
  { error: "an object" },
);

export const completeUploadSchema = z.object(
  {
    part_ids: listOf(string(128), 0, MAX_PARTS, "an array of strings").describe(
      "The ids of its parts, in their order.",
    ),
    md5: string(32)
      .regex(/^[0-9a-fA-F]{32}$/, { error: "32 hexadecimal digits" })
      .nullish()
      .describe("The MD5 of the whole file, as 32 hexadecimal digits, to be compared."),
  },
  { error: "an object" },
);

/** The form of a part. */
export const newPartForm = z.object({
  data: z.string().meta({ format: "binary", description: "The bytes of the part." }),
});

/** Decodes the body of `POST /v1/uploads`. Throws `InvalidRequestError`. */
export function decodeNewUpload(body: unknown) {
  const wire = parseWire(newUploadSchema, body);
  return {
    id: `upload_${hexadecimal()}`,
    purpose: wire.purpose,
    filename: decodeFilename(wire.filename),
    bytes: wire.bytes,
    lifeMs: lifeOf(wire.expires_after) ?? null,
  };
}

/** Decodes the body of `POST /v1/uploads/{id}/complete`. Throws `InvalidRequestError`. */
export function decodeCompletion(body: unknown) {
  const { part_ids: partIds, md5 } = parseWire(completeUploadSchema, body);
  return { partIds, md5: md5?.toLowerCase() };
}

export function newPartId(): string {
  return `part_${hexadecimal()}`;
}

function hexadecimal(): string {
  return randomUUID().replaceAll("-", "");
}

/** A stored upload, as far as clients see it. */
type KeptUpload = {
  readonly id: string;
  readonly createdMs: number;
  readonly endsMs: number;
  readonly status: string;
  readonly bytes: number;
  readonly filename: string;
  readonly purpose: string;
};

/** OpenAI's `upload` object. */
export function encodeUpload(upload: KeptUpload, file: KeptFile | undefined, nowMs: number) {
  const { id, createdMs, endsMs, status, bytes, filename, purpose: kept } = upload;
  return {
    id,
    object: "upload",
    bytes,
    created_at: Math.floor(createdMs / 1000),
    expires_at: Math.floor(endsMs / 1000),
    filename,
    purpose: kept,
    status: status === "pending" && endsMs <= nowMs ? "expired" : status,
    file: file === undefined ? null : encodeFile(file),
  };
}

/** OpenAI's `upload.part` object. */
export function encodePart(id: string, uploadId: string, nowMs: number) {
  return { id, object: "upload.part", created_at: Math.floor(nowMs / 1000), upload_id: uploadId };
}
