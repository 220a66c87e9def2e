import { z } from "zod";
import { completeUploadSchema, newPartForm, newUploadSchema } from "../../../protocols/files/upload.ts";
import type { NamedSchema, Operation } from "../operation.ts";
import { file } from "./files.ts";
import { CHANGE_ERRORS, count, inPath, LOOKUP_ERRORS } from "./shared.ts";

const upload: NamedSchema = {
  name: "Upload",
  schema: z.object({
    id: z.string(),
    object: z.literal("upload"),
    bytes: count,
    created_at: count,
    expires_at: count,
    filename: z.string(),
    purpose: z.string(),
    status: z.enum(["pending", "completed", "cancelled", "expired"]),
    file: file.schema.nullable(),
  }),
};
const part: NamedSchema = {
  name: "UploadPart",
  schema: z.object({
    id: z.string(),
    object: z.literal("upload.part"),
    created_at: count,
    upload_id: z.string(),
  }),
};
const shown = { 200: { description: "The upload.", content: { "application/json": upload } } };

const id = inPath("id", "The upload's id: `upload_` and 32 hexadecimal digits.");
const tag = "Uploads";

export const createUpload: Operation = {
  method: "post",
  path: "/v1/uploads",
  id: "createUpload",
  tag,
  summary: "Begins a file that comes in parts",
  description: "It must be completed within an hour.",
  request: {
    name: "NewUpload",
    schema: newUploadSchema,
    examples: {
      "the input of a batch": { purpose: "batch", filename: "in.jsonl", bytes: 3, mime_type: "application/jsonl" },
    },
  },
  answers: shown,
  errors: CHANGE_ERRORS,
};

export const addUploadPart: Operation = {
  method: "post",
  path: "/v1/uploads/{id}/parts",
  id: "addUploadPart",
  tag,
  summary: "Adds a part, of 64 MiB at most",
  description: "Parts may come in any order, and at once.",
  parameters: [id],
  request: { name: "NewUploadPart", schema: newPartForm, isForm: true, examples: { "some bytes": { data: "{}" } } },
  answers: { 200: { description: "The part.", content: { "application/json": part } } },
  errors: CHANGE_ERRORS,
};

export const completeUpload: Operation = {
  method: "post",
  path: "/v1/uploads/{id}/complete",
  id: "completeUpload",
  tag,
  summary: "Makes a file of an upload's parts",
  parameters: [id],
  request: { name: "UploadCompletion", schema: completeUploadSchema, examples: { "no part": { part_ids: [] } } },
  answers: shown,
  errors: CHANGE_ERRORS,
};

export const cancelUpload: Operation = {
  method: "post",
  path: "/v1/uploads/{id}/cancel",
  id: "cancelUpload",
  tag,
  summary: "Cancels an upload, and removes its parts",
  parameters: [id],
  answers: shown,
  errors: [...LOOKUP_ERRORS, 400, 415],
};
