import { Readable } from "node:stream";
import type { Context, Handler } from "hono";
import type { Files } from "../../files/files.ts";
import { decodeFilename, decodeFileQuery, decodeNewFile, encodeFile } from "../../protocols/files/file.ts";
import { encodeList } from "../../protocols/paging.ts";
import type { FileRecord } from "../../store/files.ts";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";
import { type ShelfDeps, shelfOf, tenantOf } from "../tenant.ts";
import { afterNotFound } from "./responses-stored.ts";

export type FilesDeps = ShelfDeps & {
  /** Loads what few use. */
  readonly files: () => Promise<Files>;
  /** How long files for batches are kept if nothing else is said, in ms. */
  readonly batchFileMs: number;
  /** The time in Unix ms. */
  readonly now: () => number;
};

/** `POST /v1/files`: a form, stored as it arrives. */
export function createFile(deps: FilesDeps): Handler<HttpEnv> {
  const { files, batchFileMs, now } = deps;
  return async (c) => {
    const [keeper, { readForm }] = await Promise.all([files(), import("../form.ts")]);
    const store = shelfOf(c, deps).files;
    const record = await readForm(c, "file", ({ filename, bytes, fields }) =>
      keeper.add(tenantOf(c), store, {
        bytes,
        describe() {
          const { purpose, lifeMs = purpose === "batch" ? batchFileMs : undefined } = decodeNewFile(fields);
          const expiresMs = lifeMs === undefined ? null : now() + lifeMs;
          return { filename: decodeFilename(filename), purpose, expiresMs };
        },
      }),
    );
    return c.json(encodeFile(record));
  };
}

/** `GET /v1/files`: newest first by default. */
export function listFiles(deps: FilesDeps): Handler<HttpEnv> {
  return async (c) => {
    const query = decodeFileQuery(c.req.query());
    const page = await shelfOf(c, deps).files.page(query);
    if (page === undefined) throw afterNotFound(query.after);
    return c.json(encodeList(page.data.map(encodeFile), page.hasMore));
  };
}

/** `GET /v1/files/{id}` */
export function showFile(deps: FilesDeps): Handler<HttpEnv> {
  return async (c) => c.json(encodeFile(await find(c, deps)));
}

/** `GET /v1/files/{id}/content`: the bytes, as the connection takes them. */
export function showFileContent(deps: FilesDeps): Handler<HttpEnv> {
  return async (c) => {
    const record = await find(c, deps);
    const bytes = await (await deps.files()).read(record);
    if (bytes === undefined) throw fileNotFound(record.id);
    return new Response(Readable.toWeb(bytes), {
      headers: {
        "content-type": "application/octet-stream",
        "content-length": String(record.bytes),
        "content-disposition": `attachment; filename*=UTF-8''${encodeFilename(record.filename)}`,
        "x-content-type-options": "nosniff",
      },
    });
  };
}

/** `DELETE /v1/files/{id}` */
export function deleteFile(deps: FilesDeps): Handler<HttpEnv> {
  return async (c) => {
    const { id } = await find(c, deps);
    const own = shelfOf(c, deps);
    if (await own.reads(id)) {
      throw new HttpError(409, `A batch reads the file '${id}'. Cancel the batch, or wait for its end.`, "file_in_use");
    }
    await (await deps.files()).remove(own.files, id);
    return c.json({ id, object: "file", deleted: true });
  };
}

async function find(c: Context<HttpEnv>, deps: ShelfDeps): Promise<FileRecord> {
  const id = c.req.param("id") ?? "";
  const record = await shelfOf(c, deps).files.get(id);
  if (record === undefined) throw fileNotFound(id);
  return record;
}

function fileNotFound(id: string): HttpError {
  return new HttpError(404, `No such File object: ${id}`, null);
}

/** RFC 8187's form of a name, which takes no apostrophes, brackets and stars. */
function encodeFilename(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
