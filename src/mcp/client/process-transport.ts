import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type JSONRPCMessage, ReadBuffer, serializeMessage, type Transport } from "@modelcontextprotocol/client";
import { getDefaultEnvironment } from "@modelcontextprotocol/client/stdio";
import type { ServerSettings } from "./settings.ts";

/** A longer message ends the connection. */
const MAX_MESSAGE_BYTES = 8 * 1024 ** 2;
/** What is kept of a server's words on stderr, to tell why it has failed. */
const MAX_WORDS_LENGTH = 2_000;
/** How long a server may take to end by itself, and then after SIGTERM. */
const PATIENCE_MS = 1_000;

type ProgramSettings = Extract<ServerSettings, { readonly type: "stdio" }>;

/** A connection to a server's program. */
export type ProcessTransport = Transport & {
  /** The end of what the program wrote to stderr. */
  readonly lastWords: () => string;
};

/**
 * Starts a server's program when the connection begins. The program has its own process group and no terminal, so Ctrl+C doesn't reach it, it can't ask
 * the user behind our back, and what it starts ends with it. It sees few variables of the environment, and none of Sluice's keys.
 */
export function createProcessTransport({ command, args, env, cwd }: ProgramSettings): ProcessTransport {
  const received = new ReadBuffer({ maxBufferSize: MAX_MESSAGE_BYTES });
  let child: ChildProcess | undefined;
  let words = "";
  let isClosed = false;
  const killNow = () => signalGroup(child, "SIGKILL");

  const transport: ProcessTransport = {
    lastWords: () => words,
    async start() {
      const started = spawn(command, [...args], {
        ...{ env: { ...getDefaultEnvironment(), ...env }, stdio: ["pipe", "pipe", "pipe"] },
        ...{ detached: process.platform !== "win32", windowsHide: true, ...(cwd !== undefined && { cwd }) },
      });
      child = started;
      // However this program ends, it leaves none behind.
      process.once("exit", killNow);
      started.stdin?.on("error", (error) => transport.onerror?.(error));
      started.stdout?.on("data", read);
      started.stderr?.setEncoding("utf8").on("data", (piece: string) => {
        words = (words + piece).slice(-MAX_WORDS_LENGTH);
      });
      started.once("exit", () => {
        // What it has started may still hold its pipes.
        signalGroup(started, "SIGKILL");
        end();
      });
      try {
        await once(started, "spawn");
      } catch (error) {
        throw new Error(
          `${JSON.stringify(command)} can't be started (${error instanceof Error ? error.message : error})`,
          {
            cause: error,
          },
        );
      }
    },
    send(message) {
      return new Promise((resolve, reject) => {
        if (child?.stdin?.writable !== true) {
          reject(new Error("The program has ended."));
          return;
        }
        child.stdin.write(serializeMessage(message), (error) => (error ? reject(error) : resolve()));
      });
    },
    async close() {
      const ending = child;
      if (ending?.pid !== undefined && ending.exitCode === null && ending.signalCode === null) {
        const exited = once(ending, "exit");
        ending.stdin?.end();
        const isGone = () => Promise.race([exited.then(() => true), pause(PATIENCE_MS)]);
        if (!(await isGone())) {
          signalGroup(ending, "SIGTERM");
          if (!(await isGone())) signalGroup(ending, "SIGKILL");
          await exited;
        }
      }
      end();
    },
  };

  function read(bytes: Buffer): void {
    try {
      received.append(bytes);
    } catch (error) {
      transport.onerror?.(error instanceof Error ? error : new Error(String(error)));
      void transport.close();
      return;
    }
    for (;;) {
      let message: JSONRPCMessage | null;
      try {
        message = received.readMessage();
      } catch {
        // Some programs print to stdout what they should to stderr.
        continue;
      }
      if (message === null) return;
      transport.onmessage?.(message);
    }
  }

  function end(): void {
    if (isClosed) return;
    isClosed = true;
    process.off("exit", killNow);
    received.clear();
    transport.onclose?.();
  }

  return transport;
}

function signalGroup(child: ChildProcess | undefined, signal: "SIGTERM" | "SIGKILL"): void {
  if (child?.pid === undefined) return;
  try {
    if (process.platform === "win32") child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // All of it has ended.
  }
}

function pause(ms: number): Promise<false> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms, false).unref();
  });
}
