import type { Logger } from "pino";
import type { Link } from "../redis/link.ts";
import { StateError } from "../store/errors.ts";
import type { Script } from "./scripts.ts";

/** An argument of a script. */
type Word = string | number | Buffer;

/** What gateways share, in Redis. Calls throw `StateError` if it can't be reached, or takes no more. */
export type SharedStore = {
  /** Runs a script: all of it, or nothing. After an error it may have run nevertheless. */
  readonly call: (script: Script, ...words: readonly Word[]) => Promise<unknown>;
  /** The bytes under a name; undefined if there are none. */
  readonly get: (name: string) => Promise<Buffer | undefined>;
  readonly unlink: (names: readonly string[]) => Promise<void>;
};

type Client = Parameters<Parameters<Link["ask"]>[0]>[0];

/** How long what a server says of itself counts. */
const CHECK_EVERY_MS = 60_000;

export function createSharedStore({ ask }: Pick<Link, "ask">, logger: Pick<Logger, "warn">): SharedStore {
  let checkedMs = Number.NEGATIVE_INFINITY;
  let mayLose = false;
  let hasToldDisk = false;

  /** A server that drops what it holds would run lines twice, and give half a file for a whole one. */
  async function assertKeeps(): Promise<void> {
    if (performance.now() - checkedMs > CHECK_EVERY_MS) {
      const reply = await ask((client) => client.info());
      if (reply !== undefined) {
        checkedMs = performance.now();
        // Users of the server without the right to ask are taken to know.
        const info = "value" in reply ? String(reply.value) : "";
        mayLose = /^maxmemory_policy:allkeys-/m.test(info) && !/^maxmemory:0\r?$/m.test(info);
        if (/^aof_enabled:0/m.test(info) && !hasToldDisk) {
          hasToldDisk = true;
          logger.warn(
            "Redis has no append-only file: files and batches in it are lost when it ends; set appendonly yes",
          );
        }
      }
    }
    if (mayLose) throw failure("its maxmemory-policy drops any key; set volatile-lru or noeviction");
  }

  async function work<T>(command: (client: Client) => Promise<T>): Promise<T> {
    await assertKeeps();
    const reply = await ask(command);
    if (reply === undefined) throw failure("it can't be reached; it is tried again");
    if ("value" in reply) return reply.value;
    const { message } = reply.refusal;
    if (message.startsWith("OOM")) throw failure("it is full; delete files, or give it more memory", reply.refusal);
    throw failure("it refuses a command; the log of the gateway says why", reply.refusal);
  }

  return {
    call: ({ text }, ...words) => {
      const given = words.map((word) => (typeof word === "number" ? String(word) : word));
      return work((client) => client.eval(text, { keys: [], arguments: given }));
    },
    async get(name) {
      return (await work((client) => client.get(name))) ?? undefined;
    },
    async unlink(names) {
      if (names.length > 0) await work((client) => client.unlink([...names]));
    },
  };
}

function failure(reason: string, cause?: Error): StateError {
  const detail = cause && `${reason} (${cause.message})`;
  return new StateError("in Redis", `what gateways share in Redis can't be used: ${reason}`, {
    ...{ cause, isShared: true },
    ...(detail !== undefined && { detail }),
  });
}
