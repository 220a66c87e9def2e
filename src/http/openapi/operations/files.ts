import { z } from "zod";
import { newFileForm } from "../../../protocols/files/file.ts";
import type { NamedSchema, Operation } from "../operation.ts";
import {
  CHANGE_ERRORS,
  count,
  deleted,
  inPath,
  inQuery,
  LIST_ERRORS,
  LOOKUP_ERRORS,
  listOf,
  paging,
} from "./shared.ts";

export const file: NamedSchema & { schema: z.ZodObject } = {
  name: "File",
  schema: z.object({
    id: z.string(),
    object: z.literal("file"),
    bytes: count,
    created_at: count,
    expires_at: count.optional(),
    filename: z.string(),
    purpose: z.string(),
    status: z.literal("processed"),
  }),
};
const shown = { 200: { description: "The file.", content: { "application/json": file } } };

const id = inPath("id", "The file's id: `file-` and 32 hexadecimal digits.");
const tag = "Files";

export const createFile: Operation = {
  method: "post",
  path: "/v1/files",
  id: "createFile",
  tag,
  summary: "Stores a file",
  description:
    "The body is a form, which is stored as it arrives. `expires_after` is sent as two fields, `expires_after[anchor]` and `expires_after[seconds]`.",
  request: {
    name: "NewFile",
    schema: newFileForm,
    isForm: true,
    examples: { "the input of a batch": { purpose: "batch", file: "{}\n" } },
  },
  answers: shown,
  errors: CHANGE_ERRORS,
};

export const listFiles: Operation = {
  method: "get",
  path: "/v1/files",
  id: "listFiles",
  tag,
  summary: "Lists files",
  parameters: [
    inQuery("limit", "The maximum number of entries; 10,000 by default.", z.int().min(1).max(10_000)),
    ...paging("desc").slice(1),
    inQuery("purpose", "Only files with this purpose.", z.string()),
  ],
  answers: {
    200: {
      description: "A page of files.",
      content: { "application/json": { name: "FileList", schema: listOf(file.schema) } },
    },
  },
  errors: LIST_ERRORS,
};

export const retrieveFile: Operation = {
  method: "get",
  path: "/v1/files/{id}",
  id: "retrieveFile",
  tag,
  summary: "Shows a file's properties",
  parameters: [id],
  answers: shown,
  errors: LOOKUP_ERRORS,
};

export const downloadFile: Operation = {
  method: "get",
  path: "/v1/files/{id}/content",
  id: "downloadFile",
  tag,
  summary: "Returns a file's bytes",
  parameters: [id],
  answers: { 200: { description: "The bytes.", content: { "application/octet-stream": "text" } } },
  errors: LOOKUP_ERRORS,
};

export const deleteFile: Operation = {
  method: "delete",
  path: "/v1/files/{id}",
  id: "deleteFile",
  tag,
  summary: "Deletes a file",
  description: "A file that a running batch reads can't be deleted.",
  parameters: [id],
  answers: {
    200: {
      description: "It is deleted.",
      content: { "application/json": { name: "DeletedFile", schema: deleted("file") } },
    },
  },
  errors: [...LOOKUP_ERRORS, 409],
};
