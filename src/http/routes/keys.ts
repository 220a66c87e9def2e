import type { Context, Handler } from "hono";
import { z } from "zod";
import type { Access } from "../../keys/access.ts";
import { issueKey, KeyError, revokeKey } from "../../keys/manage.ts";
import { type KeyRing, toKey } from "../../keys/ring.ts";
import { InvalidRequestError } from "../../protocols/errors.ts";
import { integer, string } from "../../protocols/fields.ts";
import { parseWire } from "../../protocols/issue.ts";
import { encodeList, readNumbers } from "../../protocols/paging.ts";
import type { ModelDirectory } from "../../routing/directory.ts";
import type { State } from "../../store/state.ts";
import { shellCommand } from "../../version.ts";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";
import { readJson } from "../json-body.ts";
import { decodeNewKey, encodeKey } from "../key-form.ts";
import { afterNotFound } from "./responses-stored.ts";

type KeysDeps = {
  readonly state: Pick<State, "keys">;
  readonly access: Access | undefined;
  readonly models: ModelDirectory;
  /** The time in Unix ms. */
  readonly now: () => number;
};

/** The most keys of one page. */
const MAX_PAGE = 1_000;

const pageQuery = z.strictObject({
  limit: integer(1, MAX_PAGE).optional(),
  after: string(256).min(1).optional(),
});

/** `GET /admin/keys`: every key with its limits, without its secret. */
export function listKeys({ access }: KeysDeps): Handler<HttpEnv> {
  return (c) => {
    const { limit = MAX_PAGE, after } = parseWire(pageQuery, readNumbers(c.req.query(), "limit"));
    const keys = ringOf(access).list();
    const start = after === undefined ? 0 : keys.findIndex(({ id }) => id === after) + 1;
    if (after !== undefined && start === 0) throw afterNotFound(after);
    const page = keys.slice(start, start + limit);
    return c.json(encodeList(page.map(encodeKey), start + limit < keys.length));
  };
}

/** `POST /admin/keys`: creates a key. Its secret is in this answer, and nowhere else. */
export function createKey({ state, access, models, now }: KeysDeps): Handler<HttpEnv> {
  return async (c) => {
    const nowMs = now();
    const wanted = decodeNewKey(await readJson(c), nowMs);
    const ring = ringOf(access);
    if (!ring.isOn() && !wanted.policy.admin) {
      throw new InvalidRequestError(
        "Invalid 'admin': the first key must be an admin's, since every request needs a key from then on. Set 'admin' to true.",
        "admin",
        "invalid_value",
      );
    }
    const { record, secret } = attempt(() => issueKey(state.keys, wanted, nowMs));
    const warnings = (wanted.policy.models ?? [])
      .filter((name) => models.find(name) === undefined)
      .map((name) => `No model is served as ${JSON.stringify(name)}: the key can't use it until one has that name.`);
    c.header("cache-control", "no-store");
    return c.json({ ...encodeKey({ ...toKey(record), createdMs: record.createdMs }), secret, warnings });
  };
}

/** `DELETE /admin/keys/{id}`: revokes a key at once. */
export function deleteKey({ state, access }: KeysDeps): Handler<HttpEnv> {
  return (c) => {
    const ring = ringOf(access);
    const id = c.req.param("id") ?? "";
    assertRevocable(c, ring, id);
    // Another key's name may be what was taken for an id.
    if (!state.keys.exists() || state.keys.get(id) === undefined) throw notFound(id);
    attempt(() => revokeKey(state.keys, id));
    return c.json({ id, object: "key", deleted: true });
  };
}

function assertRevocable(c: Context<HttpEnv>, ring: KeyRing, id: string): void {
  if (c.get("key")?.id === id) {
    throw new HttpError(
      409,
      `This request was sent with the key itself. Revoke it with another admin's key, or with \`${shellCommand("keys revoke KEY")}\`.`,
      "key_in_use",
    );
  }
  const source = ring.get(id)?.source;
  if (source === undefined || source === "state") return;
  const place = source === "file" ? "the file of keys" : "the settings";
  throw new HttpError(409, `The key ${id} is in ${place}: remove it there.`, "key_not_in_state");
}

function ringOf(access: Access | undefined): KeyRing {
  if (access !== undefined) return access.keys;
  throw new HttpError(
    404,
    "This gateway is part of another program, which says who may call it: it has no keys.",
    "no_keys",
  );
}

/** Turns a problem with keys into an answer. */
function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    if (error.code === "invalid_name") throw new InvalidRequestError(error.message, "name", "invalid_value");
    if (error.code === "key_not_found") throw new HttpError(404, error.message, error.code);
    throw new HttpError(409, error.message, error.code);
  }
}

function notFound(id: string): HttpError {
  return new HttpError(404, `No such key: ${id.slice(0, 80)}. \`GET /admin/keys\` lists all keys.`, "key_not_found");
}
