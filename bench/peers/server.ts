import { setTimeout } from "node:timers/promises";
import { type Client, createClient } from "../load/client.ts";
import { freePort } from "./port.ts";
import { type ProcessSpec, startProcess } from "./process.ts";
import { peakRssMb, rssMb } from "./process-tree.ts";

/** The settings of a server for a workload; the same for both sides. */
export type ServerSettings = {
  readonly slots: number;
  /** For each slot. */
  readonly contextTokens: number;
};

/** A running server. */
export type Server = {
  readonly url: string;
  readonly client: Client;
  /** Resident memory now; undefined as for `peakRssMb`. */
  rssMb(): Promise<number | undefined>;
  /** Undefined if another program started the server, or if unknown. */
  peakRssMb(): Promise<number | undefined>;
  stop(): Promise<void>;
};

/** How to start one kind of server. */
export type ServerLauncher = {
  command(port: number): ProcessSpec;
  /** A path that answers 200 when the model is loaded. */
  readonly readyPath: string;
  /** The client's key, if the server requires one. */
  readonly apiKey?: string;
};

const READY_WITHIN_MS = 180_000;
const POLL_MS = 25;

/** Starts a server on a free port of this machine and resolves when its model is loaded. */
export async function startServer(launcher: ServerLauncher, signal: AbortSignal): Promise<Server> {
  const server = await launchServer(launcher);
  try {
    await server.ready(signal);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

/** Starts a server and resolves at once, with its model still loading. */
export async function launchServer({ command, readyPath, apiKey }: ServerLauncher) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = await startProcess(command(port));
  const client = createClient(url, apiKey);
  let ended = false;
  void child.exited.then(() => {
    ended = true;
  });
  return {
    url,
    client,
    /** Whether the process has gone by itself, or was stopped. */
    ended: () => ended,
    rssMb: () => rssMb(child.pid),
    peakRssMb: () => peakRssMb(child.pid),
    async ready(signal: AbortSignal): Promise<void> {
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(READY_WITHIN_MS)]);
      const died = child.exited.then((how) => {
        throw new Error(`the server ended before it was ready (${how}):\n${child.logTail()}`);
      });
      died.catch(() => {});
      while (!(await Promise.race([answersOk(`${url}${readyPath}`, deadline), died]))) await sleep(POLL_MS, deadline);
    },
    async stop(): Promise<void> {
      client.close();
      await child.stop();
    },
  };
}

async function answersOk(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(url, { signal });
    await response.body?.cancel();
    return response.ok;
  } catch (error) {
    if (signal.aborted) throw error;
    return false;
  }
}

/** Resolves after so many ms; rejects when aborted. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return setTimeout(ms, undefined, { signal });
}
