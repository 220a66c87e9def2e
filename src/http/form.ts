import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { Busboy, type BusboyFileStream, type BusboyInstance } from "@fastify/busboy";
import type { Context } from "hono";
import { InvalidRequestError, missingParameter } from "../protocols/errors.ts";
import type { HttpEnv } from "./context.ts";
import { ClientGoneError, HttpError } from "./errors.ts";

/** The file of a form, while the form arrives. */
export type FormFile = {
  /** Empty if the form says none. */
  readonly filename: string;
  /** The file's bytes. Ends when the whole form has arrived. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** The other fields: complete when `bytes` has ended. */
  readonly fields: ReadonlyMap<string, string>;
};

const LIMITS = {
  fieldNameSize: 128,
  fieldSize: 64 * 1024,
  fields: 32,
  parts: 40,
  files: 1,
  headerPairs: 32,
  headerSize: 16 * 1024,
} as const;

/** What a form may have beside its file's bytes: more than all fields and headers within `LIMITS`. */
const MAX_BESIDE_BYTES = 4 * 1024 * 1024;

/** What is written to the form's reader at once: less than the buffer of a part. */
const PIECE_BYTES = 16 * 1024;

/**
 * Reads a form with one file, `fileField`, which `take` gets as it arrives: the form is never in memory. What `take` throws ends the reading.
 *
 * @throws InvalidRequestError if the form is malformed or has no file
 * @throws ClientGoneError if the client leaves before the form's end
 */
export async function readForm<T>(
  c: Context<HttpEnv>,
  fileField: string,
  take: (file: FormFile) => Promise<T>,
): Promise<T> {
  const { body } = c.req.raw;
  if (body === null) throw missingParameter(fileField);
  const source = Readable.fromWeb(body);
  const form = openForm(c.req.header("content-type") ?? "");
  const fields = new Map<string, string>();
  const ended = Promise.withResolvers<void>();
  // It may fail before anybody awaits it.
  ended.promise.catch(() => {});
  const taken = Promise.withResolvers<T>();
  let file: BusboyFileStream | undefined;

  function fail(error: unknown): void {
    ended.reject(error);
    if (file === undefined) taken.reject(error);
    else if (!file.destroyed) file.destroy(error instanceof Error ? error : undefined);
  }

  async function* read(stream: BusboyFileStream) {
    for await (const chunk of stream) yield chunk;
    await ended.promise;
  }

  // Busboy's types leave out that a part may have no name, and a file no filename.
  form.on("field", (name: string | undefined, value, nameIsCut, valueIsCut) => {
    if (name === undefined) fail(malformed("it has a part without a name"));
    else if (nameIsCut || valueIsCut) fail(malformed(`the field '${name.slice(0, 64)}' is too long`));
    else fields.set(name, value);
  });
  form.on("file", (name: string | undefined, stream, filename: string | undefined) => {
    // Whoever reads it gets its errors; before that they would end the process.
    stream.on("error", () => fail(malformed("it ends too soon")));
    if (name !== fileField) {
      const place = name === undefined ? "without a name" : `in '${name.slice(0, 64)}'`;
      fail(malformed(`it has a file ${place}, and its file must be in '${fileField}'`));
      stream.resume();
      return;
    }
    file = stream;
    take({ filename: filename ?? "", bytes: read(stream), fields }).then(taken.resolve, taken.reject);
  });
  form.on("fieldsLimit", () => fail(malformed("it has too many fields")));
  form.on("partsLimit", () => fail(malformed("it has too many parts")));
  form.on("filesLimit", () => fail(malformed("it has more than one file")));
  form.on("error", () => fail(malformed("it is not a well-formed multipart/form-data body")));
  let arrived = 0;
  const hasTooMuch = () => arrived - (file?.bytesRead ?? 0) > MAX_BESIDE_BYTES;
  const tooMuch = () => malformed(`it has more than ${MAX_BESIDE_BYTES} bytes beside the file's own`);
  const note = (bytes: number) => {
    // What came before has been told apart, but for a few kilobytes.
    if (hasTooMuch()) fail(tooMuch());
    arrived += bytes;
  };
  form.on("finish", () => {
    if (hasTooMuch()) return fail(tooMuch());
    ended.resolve();
    if (file === undefined) taken.reject(missingParameter(fileField));
  });
  source.on("error", () => fail(new ClientGoneError()));
  // Whatever ends it tells so itself.
  feed(source, form, note).catch(() => {});
  try {
    return await taken.promise;
  } finally {
    source.destroy();
    form.destroy();
  }
}

/**
 * Writes a form's bytes piece by piece, in turns of the event loop. Busboy waits for ever where a part that it passes over, such as one without a
 * name, has filled its buffer when its end comes in the same write; in a turn of its own such a buffer is emptied.
 *
 * @param note hears of each piece before it is written
 */
async function feed(
  source: AsyncIterable<Uint8Array>,
  form: BusboyInstance,
  note: (bytes: number) => void,
): Promise<void> {
  let sinceTurn = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.byteLength; at += PIECE_BYTES) {
      const piece = chunk.subarray(at, at + PIECE_BYTES);
      if (sinceTurn + piece.byteLength > PIECE_BYTES) {
        await setImmediate();
        sinceTurn = 0;
      }
      sinceTurn += piece.byteLength;
      note(piece.byteLength);
      await write(form, piece);
    }
  }
  form.end();
}

/** Resolves when the piece has been told apart. */
function write(form: BusboyInstance, piece: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(new Error("The form was left."));
    form.once("close", leave);
    form.write(piece, (error) => {
      form.off("close", leave);
      if (error) reject(error);
      else resolve();
    });
  });
}

function openForm(contentType: string): BusboyInstance {
  try {
    return new Busboy({ headers: { "content-type": contentType }, limits: LIMITS });
  } catch {
    throw new HttpError(
      415,
      "Unsupported content type: send the file as a form, with 'content-type: multipart/form-data' and its boundary.",
      "unsupported_content_type",
    );
  }
}

function malformed(reason: string): InvalidRequestError {
  return new InvalidRequestError(`We could not read the form of your request: ${reason}.`, null, "invalid_form");
}
