import { createHash } from "node:crypto";
import type { Context, Handler } from "hono";
import type { FileBytes } from "../../files/files.ts";
import { FileTooLargeError } from "../../files/too-large.ts";
import { InvalidRequestError } from "../../protocols/errors.ts";
import {
  decodeCompletion,
  decodeNewUpload,
  encodePart,
  encodeUpload,
  newPartId,
} from "../../protocols/files/upload.ts";
import type { UploadPart, UploadRecord } from "../../store/uploads.ts";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";
import { readJson } from "../json-body.ts";
import { assertShelfRoom, type ShelfDeps, shelfOf, tenantOf } from "../tenant.ts";
import type { FilesDeps } from "./files.ts";

const HOUR_MS = 60 * 60 * 1000;

/** As with OpenAI. */
const MAX_PART_BYTES = 64 * 1024 * 1024;
/** All of them are in one record. */
const MAX_PARTS = 1_024;

/** `POST /v1/uploads` */
export function createUpload(deps: FilesDeps): Handler<HttpEnv> {
  const { files, now } = deps;
  return async (c) => {
    const wish = decodeNewUpload(await readJson(c));
    const own = shelfOf(c, deps);
    const comingBytes = wish.bytes + (await own.uploads.pendingBytes());
    await (await files()).assertRoomFor(own.files, comingBytes, wish.bytes);
    assertShelfRoom(c, deps);
    const createdMs = now();
    const times = { createdMs, endsMs: createdMs + HOUR_MS };
    const upload: UploadRecord = { ...wish, ...times, status: "pending", parts: [], file: null };
    await own.uploads.add(upload);
    return c.json(encodeUpload(upload, undefined, now()));
  };
}

/** `POST /v1/uploads/{id}/parts`: a form with a part's bytes, which are stored as they arrive. */
export function addUploadPart(deps: FilesDeps): Handler<HttpEnv> {
  const { files, now } = deps;
  return async (c) => {
    const [{ folder }, { readForm }] = await Promise.all([files(), import("../form.ts")]);
    const upload = await findPending(c, deps, now());
    if (upload.parts.length >= MAX_PARTS) throw unusable(`An upload has at most ${MAX_PARTS} parts: send larger ones.`);
    const id = newPartId();
    const had = upload.parts.reduce((sum, part) => sum + part.bytes, 0);
    const most = Math.min(MAX_PART_BYTES, upload.bytes - had);
    const bytes = await readForm(c, "data", (part) =>
      folder.receive(id, bounded(part.bytes, most, upload), tenantOf(c)),
    );
    if (bytes === 0) {
      await folder.remove(id);
      throw unusable("The part is empty.");
    }
    if (!(await shelfOf(c, deps).uploads.addPart(upload.id, { id, bytes }))) {
      await folder.remove(id);
      // It may have ended while the part arrived.
      await findPending(c, deps, now());
      throw tooLarge(upload);
    }
    return c.json(encodePart(id, upload.id, now()));
  };
}

/** `POST /v1/uploads/{id}/complete`: puts the parts together, in the order of the body. */
export function completeUpload(deps: FilesDeps): Handler<HttpEnv> {
  const { files, batchFileMs, now } = deps;
  return async (c) => {
    const { partIds, md5 } = decodeCompletion(await readJson(c));
    const keeper = await files();
    const upload = await findPending(c, deps, now());
    const own = shelfOf(c, deps);
    const parts = choose(upload, partIds);
    const hash = createHash("md5");
    const lifeMs = upload.lifeMs ?? (upload.purpose === "batch" ? batchFileMs : undefined);
    const record = await keeper.add(tenantOf(c), own.files, {
      bytes: joined(keeper.folder, parts, hash),
      describe() {
        if (md5 !== undefined && hash.digest("hex") !== md5) {
          throw new InvalidRequestError(
            "The MD5 of the parts together is not 'md5'. Send them again.",
            "md5",
            "invalid_value",
          );
        }
        const expiresMs = lifeMs === undefined ? null : now() + lifeMs;
        return { filename: upload.filename, purpose: upload.purpose, expiresMs };
      },
    });
    // Of two that complete it at once, one has done so.
    if (!(await own.uploads.end(upload.id, "completed", record.id))) {
      await keeper.remove(own.files, record.id);
      throw notPending(await find(c, deps), now());
    }
    for (const { id } of upload.parts) await keeper.folder.remove(id);
    return c.json(encodeUpload(await find(c, deps), record, now()));
  };
}

/** `POST /v1/uploads/{id}/cancel` */
export function cancelUpload(deps: FilesDeps): Handler<HttpEnv> {
  const { files, now } = deps;
  return async (c) => {
    const upload = await findPending(c, deps, now());
    const isCancelled = await shelfOf(c, deps).uploads.end(upload.id, "cancelled", null);
    if (!isCancelled) throw notPending(await find(c, deps), now());
    const { folder } = await files();
    for (const { id } of upload.parts) await folder.remove(id);
    return c.json(encodeUpload(await find(c, deps), undefined, now()));
  };
}

function unusable(message: string): InvalidRequestError {
  return new InvalidRequestError(message, "data", "invalid_value");
}

/** The parts that a completion names. Throws `InvalidRequestError` unless they are the whole file. */
function choose(upload: UploadRecord, partIds: readonly string[]): readonly UploadPart[] {
  const parts = partIds.map((partId, index) => {
    const part = upload.parts.find(({ id }) => id === partId);
    const isTwice = partIds.indexOf(partId) !== index;
    if (part !== undefined && !isTwice) return part;
    const reason = isTwice ? "is named twice" : `is no part of the upload '${upload.id}'`;
    throw new InvalidRequestError(
      `The part '${partId.slice(0, 64)}' ${reason}.`,
      `part_ids[${index}]`,
      "invalid_value",
    );
  });
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  if (bytes === upload.bytes) return parts;
  throw new InvalidRequestError(
    `The parts have ${bytes} bytes together, and the upload was announced with ${upload.bytes}.`,
    "part_ids",
    "invalid_value",
  );
}

async function* joined(folder: FileBytes, parts: readonly UploadPart[], hash: ReturnType<typeof createHash>) {
  for (const { id } of parts) {
    const part = await folder.read(id);
    if (part === undefined) throw new HttpError(404, `The part '${id}' is gone. Begin a new upload.`, null);
    for await (const chunk of part) {
      hash.update(chunk);
      yield chunk as Uint8Array;
    }
  }
}

async function* bounded(bytes: AsyncIterable<Uint8Array>, most: number, upload: UploadRecord) {
  let left = most;
  for await (const chunk of bytes) {
    left -= chunk.byteLength;
    if (left < 0) throw tooLarge(upload);
    yield chunk;
  }
}

function tooLarge({ bytes }: UploadRecord): FileTooLargeError {
  return new FileTooLargeError(
    "file_too_large",
    `A part may have ${MAX_PART_BYTES} bytes, and all parts together the ${bytes} bytes that were announced.`,
  );
}

async function find(c: Context<HttpEnv>, deps: ShelfDeps): Promise<UploadRecord> {
  const id = c.req.param("id") ?? "";
  const upload = await shelfOf(c, deps).uploads.get(id);
  if (upload === undefined) throw new HttpError(404, `No such Upload object: ${id}`, null);
  return upload;
}

async function findPending(c: Context<HttpEnv>, deps: ShelfDeps, nowMs: number): Promise<UploadRecord> {
  const upload = await find(c, deps);
  if (upload.status !== "pending" || upload.endsMs <= nowMs) throw notPending(upload, nowMs);
  return upload;
}

function notPending(upload: UploadRecord, nowMs: number): InvalidRequestError {
  const { status } = encodeUpload(upload, undefined, nowMs);
  return new InvalidRequestError(`The upload '${upload.id}' is ${status}. Begin a new one.`, null, "invalid_value");
}
