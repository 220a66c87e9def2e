import type { Context, Handler } from "hono";
import { z } from "zod";
import { InvalidRequestError } from "../../protocols/errors.ts";
import { integer } from "../../protocols/fields.ts";
import { parseWire } from "../../protocols/issue.ts";
import { decodePaging, encodeList } from "../../protocols/paging.ts";
import { parseKeptItem } from "../../protocols/responses/decode-items.ts";
import type { ResponseRecord } from "../../store/responses.ts";
import type { State } from "../../store/state.ts";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";
import type { BackgroundRuns } from "../responses/background.ts";
import { createEventLog, followResponse } from "../responses/event-log.ts";
import { stateOf } from "../tenant.ts";

export type StoredResponsesDeps = { readonly state: State; readonly runs: BackgroundRuns };

const followQuery = z.object({ starting_after: integer(0, Number.MAX_SAFE_INTEGER).optional() });
const keptFrames = z.array(z.string());
const keptBackground = z.object({ background: z.boolean() });

/** `GET /v1/responses/{id}`; with `stream=true` the events of a background response. */
export function showResponse({ state, runs }: StoredResponsesDeps): Handler<HttpEnv> {
  return (c) => {
    const { record, run } = find(c, { state, runs });
    if (c.req.query("stream") !== "true") {
      return run === undefined ? sendBody(record) : c.json(run.response());
    }
    const log = run === undefined ? keptLog(record) : run.log;
    if (log === undefined) {
      throw new InvalidRequestError(
        "This response can't be streamed: it was not created with 'background' and 'stream' set to true, or the server stopped while it ran.",
        "stream",
        "invalid_value",
      );
    }
    return followResponse(log, decodeStartingAfter(c) + 1);
  };
}

/** `DELETE /v1/responses/{id}`. A running response is cancelled first. */
export function deleteResponse({ state, runs }: StoredResponsesDeps): Handler<HttpEnv> {
  return (c) => {
    const { record, run } = find(c, { state, runs });
    run?.cancel();
    stateOf(c, state).responses.remove(record.id);
    return c.json({ id: record.id, object: "response", deleted: true });
  };
}

/** `POST /v1/responses/{id}/cancel`. May be repeated. */
export function cancelResponse({ state, runs }: StoredResponsesDeps): Handler<HttpEnv> {
  return (c) => {
    const { record, run } = find(c, { state, runs });
    if (run !== undefined) {
      run.cancel();
      return c.json(run.response());
    }
    if (record.status === "cancelled") {
      return sendBody(record);
    }
    const { background } = keptBackground.parse(JSON.parse(record.body));
    throw new InvalidRequestError(
      background ? `Cannot cancel a ${record.status} response.` : "Cannot cancel a synchronous response.",
      null,
      null,
    );
  };
}

/** `GET /v1/responses/{id}/input_items`: the response's whole input, newest first by default. */
export function listInputItems({ state, runs }: StoredResponsesDeps): Handler<HttpEnv> {
  return (c) => {
    const { record } = find(c, { state, runs });
    const paging = decodePaging(c.req.query(), "desc");
    const page = stateOf(c, state).responses.inputItems(record.id, paging);
    if (page === undefined) {
      throw afterNotFound(paging.after);
    }
    return c.json(
      encodeList(
        page.data.map(({ body }) => parseKeptItem(body)),
        page.hasMore,
      ),
    );
  };
}

export function afterNotFound(after: string | undefined): InvalidRequestError {
  return new InvalidRequestError(`This list has no entry with id '${after}'.`, "after", "invalid_value");
}

function find(c: Context<HttpEnv>, { state, runs }: StoredResponsesDeps) {
  const id = c.req.param("id") ?? "";
  const record = stateOf(c, state).responses.get(id);
  if (record === undefined) {
    throw new HttpError(404, `Response with id '${id}' not found.`, null);
  }
  return { record, run: runs.get(id) };
}

function sendBody({ body }: ResponseRecord): Response {
  return new Response(body, { headers: { "content-type": "application/json" } });
}

function keptLog({ events }: ResponseRecord) {
  if (events === null) {
    return undefined;
  }
  const log = createEventLog(keptFrames.parse(JSON.parse(events)));
  log.end();
  return log;
}

function decodeStartingAfter(c: Context<HttpEnv>): number {
  const text = c.req.query("starting_after");
  const value = text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : text;
  return parseWire(followQuery, { starting_after: value }).starting_after ?? -1;
}
