import { createRequire } from "node:module";
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from "pino";

export type { Logger } from "pino";

/** The maximum size of lines that wait for a slow reader of stderr; more are dropped. */
const MAX_UNWRITTEN_BYTES = 4 * 1024 * 1024;

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

/** Writes in the background, so that a slow reader blocks no request. The rest is written when the process exits. */
function plainStderr(): DestinationStream {
  return destination({ fd: 2, sync: false, maxLength: MAX_UNWRITTEN_BYTES });
}

/** Loaded only for a terminal: it takes as long to load as the rest of the logger. */
function prettyStderr(): DestinationStream {
  const pretty = createRequire(import.meta.url)("pino-pretty") as typeof import("pino-pretty");
  return pretty({ destination: 2, sync: true, translateTime: "SYS:HH:MM:ss.l", ignore: "pid,hostname" });
}
