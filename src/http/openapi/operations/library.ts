import { z } from "zod";
import { BACKEND_STATES } from "../../../generation/backend.ts";
import type { Operation } from "../operation.ts";
import { count } from "./shared.ts";

const bytes = count;

const entry = z.object({
  object: z.literal("library.model"),
  name: z.string().describe("By which it is pulled, and served once it is here."),
  description: z
    .string()
    .nullable()
    .describe("This and the next two are the catalogue's; null for a model that it doesn't have."),
  purpose: z.string().nullable(),
  license: z.string().nullable(),
  parameters: z.string().nullable(),
  quantization: z.string().nullable(),
  size_bytes: bytes.nullable(),
  size_estimated: z.boolean(),
  memory_bytes: bytes.nullable().describe("What it is likely to take when it is loaded."),
  fits: z
    .enum(["now", "in_place_of_others", "no"])
    .nullable()
    .describe(
      "Whether it fits in the memory that models may take: now, once others are unloaded, or never; null if unknown.",
    ),
  lacking_bytes: bytes.describe(
    "How much memory is missing: now, or, if it can never fit, without all others that may be unloaded; 0 if it fits now.",
  ),
  downloaded: z.boolean(),
  fits_on_disk: z.boolean().describe("Whether there is room for its file, if it isn't here yet."),
  served_as: z.string().nullable().describe("Its id in `GET /v1/models`; null if it isn't served."),
  state: z.enum(BACKEND_STATES).nullable(),
  pinned: z.boolean(),
  unload_in_ms: z.number().min(0).nullable().describe("If no request comes; null if it stays, or isn't loaded."),
  in_settings: z.boolean().describe("Whether the settings name it, so that it can't be deleted here."),
});

export const listLibrary: Operation = {
  method: "get",
  path: "/admin/library",
  id: "listLibrary",
  tag: "Administration",
  summary: "Shows the models of the catalogue and of the disk, and whether they fit",
  description:
    "Reads the header of each file in the models folder. `POST /api/pull` downloads one, `POST /models/load` and `/models/unload` load and unload one, `DELETE /api/delete` removes a pulled one. Access is the same as for `GET /admin/usage`.",
  answers: {
    200: {
      description: "The catalogue's models in its order, then others of the folder.",
      content: {
        "application/json": {
          name: "LibraryList",
          schema: z.object({
            object: z.literal("list"),
            data: z.array(entry),
            unusable: z
              .array(z.object({ file: z.string(), reason: z.string() }))
              .describe("Files that can't be served."),
            memory: z.object({ budget_bytes: bytes, held_bytes: bytes, pinned_bytes: bytes }),
            free_disk_bytes: bytes.nullable(),
          }),
        },
      },
    },
  },
  errors: [403, 404, 500],
  access: "admin",
};

const pinRequest = z.object({
  model: z.string().min(1).max(1_024).describe("Its id or an alias."),
  pinned: z.boolean().describe("Whether it stays loaded."),
});

export const pinModel: Operation & { readonly request: { readonly schema: typeof pinRequest } } = {
  method: "post",
  path: "/admin/library/pin",
  id: "pinModel",
  tag: "Administration",
  summary: "Keeps a model loaded, whatever needs its room, or no longer",
  description:
    "Until the gateway ends; the setting `pin` does it for good, and can't be undone here. It loads nothing. Access is the same as for `GET /admin/usage`.",
  request: {
    name: "PinRequest",
    schema: pinRequest,
    examples: { pin: { model: "smollm2-135m-instruct", pinned: true } },
  },
  answers: {
    200: {
      description: "How it is now.",
      content: {
        "application/json": {
          name: "PinnedModel",
          schema: z.object({ object: z.literal("library.pin"), model: z.string(), pinned: z.boolean() }),
        },
      },
    },
  },
  errors: [400, 403, 404, 415, 500],
  access: "admin",
};
