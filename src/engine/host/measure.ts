import { fork } from "node:child_process";
import { once } from "node:events";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { type MeasureReply, type MeasureRequest, parseMeasureReply } from "../measure/messages.ts";
import { describeDeath } from "./errors.ts";
import { createWorkerOutput } from "./worker-output.ts";

/** A model in a measuring process. */
export type Measured = {
  readonly info: Reply<"loaded">;
  readonly tokenize: (text: string) => Promise<Reply<"tokens">>;
  readonly rates: (contexts: readonly number[], decodeTokens: number) => Promise<Reply<"rates">>;
  readonly begin: () => Promise<void>;
  readonly read: (tokens: readonly number[]) => Promise<void>;
  readonly score: (request: Omit<Request<"score">, "type">) => Promise<Reply<"scores">>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

type Reply<Type> = Extract<MeasureReply, { type: Type }>;
type Request<Type> = Extract<MeasureRequest, { type: Type }>;

/** A model could not be measured. The message names its file, and has llama.cpp's last lines. */
export class MeasureError extends Error {
  override readonly name = "MeasureError";
}

const mainPath = fileURLToPath(new URL(`../measure/main${extname(import.meta.url)}`, import.meta.url));

/**
 * Loads a model in a process of its own, which ends when it is disposed of or the signal aborts.
 *
 * @throws MeasureError if it can't be loaded, as each of its calls if it fails later; the signal's reason
 */
export async function measureModel(options: Omit<Request<"load">, "type">, signal: AbortSignal): Promise<Measured> {
  signal.throwIfAborted();
  const child = fork(mainPath, [], {
    execArgv: [],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const output = createWorkerOutput(() => {});
  output.follow(child.stdout);
  output.follow(child.stderr);
  // After a disconnect there is no `close`.
  const ended = once(child, "exit").catch(() => [null, null]);
  const onAbort = () => void child.kill("SIGKILL");
  signal.addEventListener("abort", onAbort, { once: true });

  async function ask<Type extends MeasureReply["type"]>(request: MeasureRequest, type: Type): Promise<Reply<Type>> {
    const replied = new Promise<unknown>((resolve) => child.once("message", resolve));
    child.send(request, () => {});
    const outcome = await Promise.race([
      replied.then((value) => ({ value })),
      ended.then(([exitCode, endSignal]) => ({ exitCode, endSignal })),
    ]);
    signal.throwIfAborted();
    if (!("value" in outcome)) {
      await output.ended();
      const death = { exitCode: outcome.exitCode, signal: outcome.endSignal, reason: undefined, lastLines: [] };
      throw failure(describeDeath(death));
    }
    const parsed = parseMeasureReply(outcome.value);
    if (!("message" in parsed)) throw failure(`its process sent something else: ${parsed.problem}`);
    const { message } = parsed;
    if (message.type === "failed") throw failure(message.reason);
    if (!isOf(message, type)) throw failure(`its process sent ${message.type} in place of ${type}`);
    return message;
  }

  function failure(reason: string): MeasureError {
    const lines = output.lastLines().filter((line) => /error|fail|unable|invalid|unknown/i.test(line));
    const said = lines.slice(-3).map((line) => `\n  ${line}`);
    return new MeasureError(`${options.path} can't be measured: ${reason}.${said.join("")}`);
  }

  async function dispose(): Promise<void> {
    signal.removeEventListener("abort", onAbort);
    if (child.connected) child.disconnect();
    else child.kill("SIGKILL");
    await ended;
  }

  try {
    return {
      info: await ask({ type: "load", ...options }, "loaded"),
      tokenize: (text) => ask({ type: "tokenize", text }, "tokens"),
      rates: (contexts, decodeTokens) => ask({ type: "rates", contexts, decodeTokens }, "rates"),
      begin: async () => void (await ask({ type: "begin" }, "done")),
      read: async (tokens) => void (await ask({ type: "read", tokens }, "done")),
      score: (request) => ask({ type: "score", ...request }, "scores"),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function isOf<Type extends MeasureReply["type"]>(message: MeasureReply, type: Type): message is Reply<Type> {
  return message.type === type;
}
