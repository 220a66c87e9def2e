import { createRequire } from "node:module";
import { type DestinationStream, destination, type Logger, levels, pino, stdTimeFunctions, symbols } from "pino";

export type { Logger } from "pino";

/** In bytes: `minLength` is written at once, `maxLength` waits for a slow reader of stderr; more is dropped. */
const WRITES = { minLength: 32 * 1024, maxWrite: 64 * 1024, maxLength: 4 * 1024 * 1024 };

/** Fewer bytes are written after this time. */
const MAX_DELAY_MS = 100;

const WARN = levels.values.warn ?? 0;

/** Headers whose values grant access. */
const SECRET_HEADERS = [
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "x-api-key",
  "api-key",
] as const;

const REDACTED = "[redacted]";

/**
 * Redacts these headers in `{ headers }`, `{ req: { headers } }`, `{ res: { headers } }`, and as separate fields. Serializers cost nothing
 * for lines without such fields; pino's `redact` with the same paths took twenty times as long as a line itself.
 */
const serializers = {
  ...Object.fromEntries(SECRET_HEADERS.map((header) => [header, () => REDACTED])),
  headers: hideSecrets,
  req: hideSecretsInHeaders,
  res: hideSecretsInHeaders,
};

/**
 * Creates the log: one JSON object a line, with `level` as a word and `time` in UTC, to stderr, or coloured lines if stderr is a terminal.
 * Header values that grant access are replaced by `[redacted]`. stdout stays free for a command's output. `stream` replaces stderr.
 */
export function createLogger(options: { readonly level: string; readonly stream?: DestinationStream }): Logger {
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers,
    },
    options.stream ?? (process.stderr.isTTY ? prettyStderr() : plainStderr()),
  );
}

function hideSecrets(headers: unknown): unknown {
  if (typeof headers !== "object" || headers === null) return headers;
  const entries = headers instanceof Headers ? headers : Object.entries(headers);
  return Object.fromEntries(Array.from(entries, ([name, value]) => [name, isSecret(name) ? REDACTED : value]));
}

function hideSecretsInHeaders(message: unknown): unknown {
  if (typeof message !== "object" || message === null || !("headers" in message)) return message;
  return { ...message, headers: hideSecrets(message.headers) };
}

function isSecret(name: string): boolean {
  return SECRET_HEADERS.some((header) => header === name.toLowerCase());
}

/**
 * Writes in the background, so that a slow reader blocks no request, and many lines at once, since a write takes as long as making a line. The
 * rest is written when the process exits, also after an uncaught error.
 */
function plainStderr(): DestinationStream {
  const stderr = destination({ ...WRITES, fd: 2, sync: false });
  let timer: NodeJS.Timeout | undefined;
  let unwrittenBytes = 0;
  let isUrgent = false;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    stderr.flush();
  }

  function plan(): void {
    if (isUrgent) flush();
    else timer ??= setTimeout(flush, MAX_DELAY_MS).unref();
  }

  stderr.on("write", (bytes: number) => {
    unwrittenBytes = Math.max(0, unwrittenBytes - bytes);
  });
  stderr.on("drop", (line: string) => {
    unwrittenBytes -= Buffer.byteLength(line);
  });
  // It ignores a flush during a write.
  stderr.on("drain", () => {
    if (unwrittenBytes > 0) plan();
    else isUrgent = false;
  });
  const batched = {
    [symbols.needsMetadataGsym]: true as const,
    /** Set by pino before each line. */
    lastLevel: 0,
    write(line: string): void {
      unwrittenBytes += Buffer.byteLength(line);
      stderr.write(line);
      // A process that is killed must not take the reason with it.
      isUrgent ||= batched.lastLevel >= WARN;
      plan();
    },
    flushSync(): void {
      stderr.flushSync();
      unwrittenBytes = 0;
    },
  };
  return batched;
}

/** Loaded only for a terminal: it takes as long to load as the rest of the logger. */
function prettyStderr(): DestinationStream {
  const pretty = createRequire(import.meta.url)("pino-pretty") as typeof import("pino-pretty");
  return pretty({ destination: 2, sync: true, translateTime: "SYS:HH:MM:ss.l", ignore: "pid,hostname" });
}
