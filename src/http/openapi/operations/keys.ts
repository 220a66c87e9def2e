import { z } from "zod";
import { newKeyForm, shownKey } from "../../key-form.ts";
import type { Operation } from "../operation.ts";
import { deleted, inPath, inQuery, listOf } from "./shared.ts";

const tag = "Administration";

export const listKeys: Operation = {
  method: "get",
  path: "/admin/keys",
  id: "listKeys",
  tag,
  summary: "Lists all keys with their limits, without their secrets",
  description:
    "Oldest first, then those of the file of keys and the settings. Access is the same as for `GET /admin/usage`.",
  parameters: [
    inQuery("limit", "The maximum number of entries; 1,000 by default.", z.int().min(1).max(1_000)),
    inQuery("after", "The id of the last entry of the previous page.", z.string().max(256)),
  ],
  answers: {
    200: {
      description: "A page of keys.",
      content: { "application/json": { name: "KeyList", schema: listOf(shownKey) } },
    },
  },
  errors: [400, 403, 404, 500, 503],
  access: "admin",
};

export const createKey: Operation = {
  method: "post",
  path: "/admin/keys",
  id: "createKey",
  tag,
  summary: "Creates a key",
  description:
    "The answer has the key's secret, which is shown only here: only its hash is stored. The key works from the next request on. Once there is a key, every request needs one; so the first one must be an admin's. Access is the same as for `GET /admin/usage`.",
  request: {
    name: "NewKey",
    schema: newKeyForm,
    examples: {
      "an admin's": { name: "root", admin: true },
      "with limits": { name: "ci", expires: "30d", class: "batch", requests_per_minute: 60, budget_per_month: 5 },
    },
  },
  answers: {
    200: {
      description: "The key.",
      content: {
        "application/json": {
          name: "CreatedKey",
          schema: shownKey.extend({
            secret: z.string().describe("What clients send. It can't be shown again."),
            warnings: z.array(z.string()).describe("What may not be meant, such as a model that is not served."),
          }),
        },
      },
    },
  },
  errors: [400, 403, 404, 409, 413, 415, 500, 503],
  access: "admin",
};

export const deleteKey: Operation = {
  method: "delete",
  path: "/admin/keys/{id}",
  id: "deleteKey",
  tag,
  summary: "Revokes a key at once",
  description:
    "What it has stored stays, and can't be reached any more. Requests in progress go on. A key can't revoke itself, and those of the file of keys and the settings are removed there. Access is the same as for `GET /admin/usage`.",
  parameters: [inPath("id", "The key's id: `key_` and 16 hexadecimal digits.")],
  answers: {
    200: {
      description: "It is revoked.",
      content: { "application/json": { name: "DeletedKey", schema: deleted("key") } },
    },
  },
  errors: [403, 404, 409, 500, 503],
  access: "admin",
};
