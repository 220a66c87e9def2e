import { fork } from "node:child_process";
import { once } from "node:events";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseQuantizeNews, type QuantizeNews, type QuantizeRequest } from "../quantize/messages.ts";
import { describeDeath } from "./errors.ts";
import { createWorkerOutput } from "./worker-output.ts";

export type Quantized = Omit<Extract<QuantizeNews, { type: "done" }>, "type">;

/** llama.cpp could not quantize the file. The message ends with its last lines. */
export class QuantizeError extends Error {
  override readonly name = "QuantizeError";
}

const mainPath = fileURLToPath(new URL(`../quantize/main${extname(import.meta.url)}`, import.meta.url));

/**
 * Quantizes a file in a process of its own, which is killed if the signal aborts. What it has written until then is the caller's to remove.
 *
 * @throws QuantizeError; the signal's reason
 */
export async function quantizeModel(
  request: QuantizeRequest,
  signal: AbortSignal,
  onProgress: (done: number, all: number) => void = () => {},
): Promise<Quantized> {
  signal.throwIfAborted();
  const child = fork(mainPath, [JSON.stringify(request)], { execArgv: [], stdio: ["ignore", "pipe", "pipe", "ipc"] });
  const output = createWorkerOutput(() => {});
  output.follow(child.stdout);
  output.follow(child.stderr);
  let result: Quantized | undefined;
  let lines: readonly string[] | undefined;
  child.on("message", (value) => {
    const parsed = parseQuantizeNews(value);
    if (!("message" in parsed)) return;
    const { message } = parsed;
    if (message.type === "tensor") onProgress(message.done, message.all);
    else if (message.type === "failed") lines = message.lines;
    else result = message;
  });
  const onAbort = () => void child.kill("SIGKILL");
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const [exitCode, endSignal] = await once(child, "close");
    signal.throwIfAborted();
    if (result !== undefined) return result;
    const death = describeDeath({ exitCode, signal: endSignal, reason: undefined, lastLines: [] });
    const said = lines ?? [death, ...output.lastLines().slice(-3)];
    throw new QuantizeError(`${request.from} can't be quantized: ${said.join("\n  ")}`);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
