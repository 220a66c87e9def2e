import { createRequire } from "node:module";
import { type DestinationStream, type Logger, pino } from "pino";
import { plainStderr } from "./stderr.ts";

export type { Logger } from "pino";

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
      timestamp: createTimestamp(),
      formatters: { level: (label) => ({ level: label }) },
      serializers,
    },
    options.stream ?? (process.stderr.isTTY ? prettyStderr() : plainStderr()),
  );
}

/** Returns the time in UTC as a part of a line. Several lines come in one millisecond, and writing its time took a sixth of each. */
function createTimestamp(): () => string {
  let writtenMs = Number.NaN;
  let written = "";
  return () => {
    const nowMs = Date.now();
    if (nowMs !== writtenMs) {
      writtenMs = nowMs;
      written = `,"time":"${new Date(nowMs).toISOString()}"`;
    }
    return written;
  };
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

/** Loaded only for a terminal: it takes as long to load as the rest of the logger. */
function prettyStderr(): DestinationStream {
  const pretty = createRequire(import.meta.url)("pino-pretty") as typeof import("pino-pretty");
  return pretty({ destination: 2, sync: true, translateTime: "SYS:HH:MM:ss.l", ignore: "pid,hostname" });
}
