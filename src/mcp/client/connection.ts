import {
  Client,
  type Implementation,
  ProtocolError,
  SdkError,
  SdkErrorCode,
  StreamableHTTPClientTransport,
  type Tool,
  type Transport,
  type VersionNegotiationMode,
} from "@modelcontextprotocol/client";
import { readVersion } from "../../version.ts";
import { createProcessTransport, type ProcessTransport } from "./process-transport.ts";
import { bound, type CallOutcome, readResult } from "./result.ts";
import type { ServerSettings } from "./settings.ts";

/** How long servers may take. */
export type Patience = {
  /** To start, and to list the tools. */
  readonly startMs: number;
  /** To answer a call, or to tell how far it is. */
  readonly callMs: number;
};

const USUAL_PATIENCE: Patience = { startMs: 20_000, callMs: 60_000 };
/** Of one call, however often its server tells how far it is. */
const LONGEST_CALL_MS = 600_000;
const MAX_PAGES = 16;
/** Of one server; what else it has is not asked for. */
const MAX_LISTED = 512;

const OURSELVES = (): Implementation => ({ name: "sluice", version: readVersion() });

/** A server that can't be used, or has failed at something. The message is for the user. */
export class McpServerError extends Error {
  override readonly name = "McpServerError";
}

/** A server that runs. */
export type Connection = {
  readonly tools: readonly Tool[];
  /** Whether it has more tools than were asked for. */
  readonly hasMore: boolean;
  /** Rejects only with the reason of `signal`: what goes wrong is an outcome. */
  readonly call: (tool: string, args: Record<string, unknown>, signal: AbortSignal) => Promise<CallOutcome>;
  /** Ends it, and its process. */
  readonly close: () => Promise<void>;
};

/** Starts a server, and lists its tools. Throws a McpServerError. */
export async function connectServer(
  settings: ServerSettings,
  signal: AbortSignal,
  patience = USUAL_PATIENCE,
): Promise<Connection> {
  // Both generations of the protocol could be asked for at once, but that is a message which some old programs die of.
  const first: VersionNegotiationMode = settings.type === "stdio" ? "legacy" : "auto";
  try {
    return await connectAs(first, settings, signal, patience);
  } catch (error) {
    signal.throwIfAborted();
    if (first === "legacy" && error instanceof ProtocolError) {
      try {
        return await connectAs("auto", settings, signal, patience);
      } catch (second) {
        throw new McpServerError(describe(second), { cause: second });
      }
    }
    throw error instanceof McpServerError ? error : new McpServerError(describe(error), { cause: error });
  }
}

async function connectAs(
  mode: VersionNegotiationMode,
  settings: ServerSettings,
  signal: AbortSignal,
  { startMs, callMs }: Patience,
): Promise<Connection> {
  const starting = AbortSignal.any([signal, AbortSignal.timeout(startMs)]);
  const program = settings.type === "stdio" ? createProcessTransport(settings) : undefined;
  const transport: Transport = program ?? createHttpTransport(settings);
  const client = new Client(OURSELVES(), { versionNegotiation: { mode } });
  try {
    await untilAborted(client.connect(transport, { timeout: startMs }), starting);
    const listed = await untilAborted(listTools(client, startMs), starting);
    return {
      ...listed,
      call: (tool: string, args: Record<string, unknown>, aborting: AbortSignal) =>
        call(client, { tool, args, signal: aborting, program, callMs }),
      close: () => client.close(),
    };
  } catch (error) {
    await client.close();
    await transport.close();
    signal.throwIfAborted();
    if (error instanceof ProtocolError) throw error;
    const reason = starting.aborted ? `it didn't answer within ${startMs / 1_000} s` : describe(error);
    throw new McpServerError(`${reason}${quoteLastWords(program)}`, { cause: error });
  }
}

function createHttpTransport(settings: ServerSettings): Transport {
  if (settings.type !== "http") throw new Error("a server has a command or a URL");
  return new StreamableHTTPClientTransport(new URL(settings.url), { requestInit: { headers: settings.headers } });
}

async function listTools(client: Client, startMs: number): Promise<Pick<Connection, "tools" | "hasMore">> {
  if (client.getServerCapabilities()?.tools === undefined) return { tools: [], hasMore: false };
  const tools: Tool[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES && tools.length < MAX_LISTED; page += 1) {
    const params = cursor === undefined ? {} : { cursor };
    // `client.listTools` would compile the schemas of results, which we don't trust.
    const listed = await client.request({ method: "tools/list", params }, { timeout: startMs });
    tools.push(...listed.tools);
    cursor = listed.nextCursor;
    if (cursor === undefined) break;
  }
  return { tools: tools.slice(0, MAX_LISTED), hasMore: cursor !== undefined || tools.length > MAX_LISTED };
}

type Asked = {
  readonly tool: string;
  readonly args: Record<string, unknown>;
  readonly signal: AbortSignal;
  readonly program: ProcessTransport | undefined;
  readonly callMs: number;
};

async function call(client: Client, { tool, args, signal, program, callMs }: Asked): Promise<CallOutcome> {
  try {
    const result = await client.request(
      { method: "tools/call", params: { name: tool, arguments: args } },
      {
        ...{ signal, timeout: callMs, maxTotalTimeout: LONGEST_CALL_MS },
        // A server that tells how far it is has more time.
        ...{ onprogress: () => {}, resetTimeoutOnProgress: true },
      },
    );
    return readResult(result);
  } catch (error) {
    signal.throwIfAborted();
    return { text: bound(`The tool has failed: ${describe(error)}${quoteLastWords(program)}`), isError: true };
  }
}

function describe(error: unknown): string {
  if (error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout) return "it didn't answer in time";
  if (error instanceof SdkError && error.code === SdkErrorCode.ConnectionClosed) return "it has ended";
  return error instanceof Error ? error.message : String(error);
}

const MAX_QUOTED_LENGTH = 300;

function quoteLastWords(program: ProcessTransport | undefined): string {
  const words = program?.lastWords().trim().slice(-MAX_QUOTED_LENGTH) ?? "";
  return words === "" ? "." : `. Its last words: ${words}`;
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  // Both are heard of, whichever is later.
  work.catch(() => {});
  return Promise.race([work, aborted.promise]).finally(() => signal.removeEventListener("abort", abort));
}
