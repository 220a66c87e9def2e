import { setInterval, setTimeout as setTimer } from "node:timers";
import { setTimeout } from "node:timers/promises";
import { readOwnJson } from "../../json/parse.ts";
import { type LifeSign, messageOf } from "../contract/parse.ts";
import type { Log } from "../llama/binding.ts";

/** What all child processes have in common: they exchange messages with the gateway, load one model, and exit with their channel. */

const HEARTBEAT_MS = 500;
const BEATS_EACH_MEASURE = 4;

/** llama.cpp logs through a queue of its own, so its reasons may arrive this long after the failure that they explain. */
const LATE_LOG_MS = 100;

/** Less than the host's \`stopGraceMs\`, after which it kills the process. */
const LEAVE_MS = 2_500;

/** Parses a message from the host, which is JSON. */
export function parseHostMessage<Message>(text: unknown): Message {
  // The host is part of the same program, so its messages are not validated.
  return readOwnJson(String(text)) as Message;
}

/** Sends a message to the host. */
export function sendToHost<Message extends { readonly type: string }>(message: Message): void {
  // The channel may close at any time if the gateway is killed; "disconnect" then ends this process.
  if (process.connected) process.send?.(message, undefined, {}, () => {});
}

/**
 * Calls `serve` with the options of the first message. Exits when the channel to the gateway closes.
 *
 * @param leave what is done before; it has `LEAVE_MS` at most
 */
export function serveHost<Options>(
  parse: (message: unknown) => { readonly type: "load"; readonly options: Options } | { readonly type: string },
  serve: (options: Options) => Promise<void>,
  leave: () => Promise<void> = async () => {},
): void {
  // Ctrl-C reaches the whole process group, but the gateway ends this process after its requests have finished.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => {});
  process.on("disconnect", () => {
    // A native call may hang, and there may be no host any more to kill this process.
    setTimer(() => process.exit(0), LEAVE_MS);
    leave()
      .catch(() => {})
      .finally(() => process.exit(0));
  });
  process.once("message", (first) => {
    const message = parse(first);
    if ("options" in message) serve(message.options).catch(die);
  });
}

/** Exits after a failed native call, which leaves the context in an unknown state. */
export function die(error: unknown): void {
  console.error(error);
  process.exit(1);
}

/** The result of `load`; undefined if it fails, which is reported to the host. */
export function loadModelFor<Loaded>(load: (log: Log) => Promise<Loaded>): Promise<Loaded | undefined> {
  return load((level, message) => sendToHost<LifeSign<never>>({ type: "log", level, message })).catch(async (error) => {
    await setTimeout(LATE_LOG_MS);
    sendToHost<LifeSign<never>>({ type: "loadFailed", reason: messageOf(error).replace(/\.$/, "") });
    process.disconnect();
    return undefined;
  });
}

/**
 * Sends heartbeats to the host, with the time since the native call in progress began, and the memory of this process.
 *
 * @param tell sends what is told as often, too
 */
export function beat(worker: { readonly decodingSince: number | undefined }, tell: () => void = () => {}): void {
  let beats = 0;
  setInterval(() => {
    const { decodingSince } = worker;
    const decodingForMs = decodingSince === undefined ? 0 : performance.now() - decodingSince;
    const measured = beats++ % BEATS_EACH_MEASURE === 0 ? { memoryBytes: process.memoryUsage.rss() } : {};
    sendToHost<LifeSign<never>>({ type: "heartbeat", decodingForMs, ...measured });
    tell();
  }, HEARTBEAT_MS);
}
