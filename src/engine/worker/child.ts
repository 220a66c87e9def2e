import { setInterval } from "node:timers";
import { readOwnJson } from "../../json/parse.ts";
import { type LifeSign, messageOf } from "../contract/parse.ts";
import type { Log } from "../llama/binding.ts";

/** What every child process of the gateway does in the same way: it speaks with the gateway, loads one model, and ends with its channel. */

const HEARTBEAT_MS = 500;

/** A message of the host's, which comes as JSON. */
export function parseHostMessage<Message>(text: unknown): Message {
  // The host is this program's other half: its types are trusted.
  return readOwnJson(String(text)) as Message;
}

/** Sends a message to the host. */
export function sendToHost<Message extends { readonly type: string }>(message: Message): void {
  // The channel may close under us when the gateway is killed; "disconnect" then ends the process.
  if (process.connected) process.send?.(message, undefined, {}, () => {});
}

/** Calls `serve` with the options of the first message, and ends this process when the gateway lets go of it, however that comes about. */
export function serveHost<Options>(
  parse: (message: unknown) => { readonly type: "load"; readonly options: Options } | { readonly type: string },
  serve: (options: Options) => Promise<void>,
): void {
  // Ctrl-C reaches the whole process group: how this process ends is the gateway's to say, after its requests are finished.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => {});
  process.on("disconnect", () => process.exit(0));
  process.once("message", (first) => {
    const message = parse(first);
    if ("options" in message) serve(message.options).catch(die);
  });
}

/** A native call that failed leaves the context in an unknown state: dying is the way to a clean one. */
export function die(error: unknown): void {
  console.error(error);
  process.exit(1);
}

/** What `load` gives; undefined where it fails, which the host is told. */
export function loadModelFor<Loaded>(load: (log: Log) => Promise<Loaded>): Promise<Loaded | undefined> {
  return load((level, message) => sendToHost<LifeSign<never>>({ type: "log", level, message })).catch((error) => {
    sendToHost<LifeSign<never>>({ type: "loadFailed", reason: messageOf(error).replace(/\.$/, "") });
    process.disconnect();
    return undefined;
  });
}

/** Tells the host twice a second that this process lives, and since when it is in a native call. */
export function beat(worker: { readonly decodingSince: number | undefined }): void {
  setInterval(() => {
    const { decodingSince } = worker;
    const decodingForMs = decodingSince === undefined ? 0 : performance.now() - decodingSince;
    sendToHost<LifeSign<never>>({ type: "heartbeat", decodingForMs });
  }, HEARTBEAT_MS);
}
