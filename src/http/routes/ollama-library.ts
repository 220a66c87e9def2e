import type { Handler } from "hono";
import { decodeOllamaName } from "../../protocols/ollama/decode.ts";
import { LibraryError, type LibraryFault, type ModelLibrary, type PullProgress } from "../../routing/library.ts";
import type { HttpEnv } from "../context.ts";
import { ClientGoneError, HttpError } from "../errors.ts";
import { JSON_LINES } from "../event-stream.ts";
import { readJson } from "../json-body.ts";

const STATUSES: Readonly<Record<LibraryFault, number>> = { unknown: 404, refused: 400, busy: 503, failed: 503 };

const PHASES: Readonly<Record<PullProgress["phase"], string>> = {
  connecting: "pulling manifest",
  downloading: "pulling",
  verifying: "verifying sha256 digest",
  extracting: "extracting",
  waiting: "waiting for another download of it",
};

/** The maximum number of lines that wait for a slow client; more are dropped. */
const MAX_WAITING = 64;

/** `POST /api/pull`, with its progress as lines of JSON by default. A failure before any progress has its own status. */
export function pullModel(library: ModelLibrary | undefined): Handler<HttpEnv> {
  return async (c) => {
    // Taken before the body is read: reading a chunked body puts another Request in its place.
    const connection = c.req.raw.signal;
    const { name, stream } = decodeOllamaName(await readJson(c));
    const left = new AbortController();
    const signal = AbortSignal.any([connection, left.signal]);
    const begun = Promise.withResolvers<void>();
    let tell: (line: object) => void = () => {};
    let choice: object | undefined;
    const done = libraryOf(library)
      .pull(name, {
        signal,
        onProgress(progress) {
          begun.resolve();
          tell(encodeProgress(name, progress));
        },
        onChoice(why) {
          choice = { status: "choosing a quantization", choice: why };
          tell(choice);
        },
      })
      .catch((error: unknown) => {
        throw signal.aborted ? new ClientGoneError() : describe(error);
      });
    if (!stream) {
      await done;
      return c.json({ status: "success" });
    }
    await Promise.race([begun.promise, done]);

    const body = new ReadableStream<Uint8Array>(
      {
        start(controller) {
          const write = (line: object) => controller.enqueue(Buffer.from(`${JSON.stringify(line)}\n`));
          write({ status: PHASES.connecting });
          if (choice !== undefined) write(choice);
          tell = (line) => {
            if (Number(controller.desiredSize) > 0) write(line);
          };
          const end = (line: object) => {
            tell = () => {};
            if (signal.aborted) return;
            write(line);
            controller.close();
          };
          done.then(
            ({ isNew }) => {
              if (isNew) write({ status: "served until the gateway stops; start it with --model to keep it" });
              end({ status: "success" });
            },
            (error: unknown) => end({ error: error instanceof Error ? error.message : String(error) }),
          );
        },
        cancel: () => left.abort(),
      },
      { highWaterMark: MAX_WAITING },
    );
    return new Response(body, { headers: JSON_LINES.headers });
  };
}

/** `DELETE /api/delete` */
export function deleteModel(library: ModelLibrary | undefined): Handler<HttpEnv> {
  return async (c) => {
    const { name } = decodeOllamaName(await readJson(c));
    await libraryOf(library)
      .remove(name)
      .catch((error: unknown) => {
        throw describe(error);
      });
    return c.json({ status: "success" });
  };
}

function libraryOf(library: ModelLibrary | undefined): ModelLibrary {
  if (library !== undefined) return library;
  throw new HttpError(
    404,
    "This gateway can't pull or delete models, because it has no folder for them.",
    "unsupported_model",
  );
}

function encodeProgress(name: string, { phase, receivedBytes, totalBytes }: PullProgress): object {
  const status = PHASES[phase];
  if (phase !== "downloading" || totalBytes === undefined) return { status };
  // Clients distinguish a model's parts by their digests.
  return { status: `${status} ${name}`, digest: name, total: totalBytes, completed: receivedBytes };
}

function describe(error: unknown): unknown {
  return error instanceof LibraryError
    ? new HttpError(STATUSES[error.fault], error.message, `model_${error.fault}`)
    : error;
}
