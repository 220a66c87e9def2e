/**
 * Loaded before the gateway's and its engine's own code (`NODE_OPTIONS=--import`), for the overhead workload: in the engine's process it
 * notes how long each request took there, from the message that brings it to the one that tells its end. Nothing of either is changed.
 */
import { appendFileSync } from "node:fs";

type Note = { readonly type?: unknown; readonly updates?: readonly Update[] };
type Update = { readonly id: number; readonly finished?: unknown };

/** The host sends JSON as text. That of other messages is not worth parsing a second time. */
const SUBMIT = '{"type":"submit"';

const file = process.env.BENCH_PROBE_FILE;
const { send } = process;
if (file !== undefined && send !== undefined && /engine[/\\]worker[/\\]main\.[jt]s$/.test(process.argv[1] ?? "")) {
  watch(file, send.bind(process));
}

function watch(probeFile: string, sendOn: NonNullable<typeof send>): void {
  const startedMs = new Map<number, number>();

  const emit = process.emit.bind(process) as (event: string, ...rest: unknown[]) => boolean;
  // A listener of ours would open the channel before the engine listens, and take its first messages.
  Reflect.set(process, "emit", (event: string, ...rest: unknown[]) => {
    const [message] = rest;
    if (event === "message" && typeof message === "string" && message.startsWith(SUBMIT)) {
      const nowMs = performance.now();
      startedMs.set(JSON.parse(message).sequence.id, nowMs);
    }
    return emit(event, ...rest);
  });

  Reflect.set(process, "send", (message: Note, ...rest: never[]) => {
    const nowMs = performance.now();
    const sent = sendOn(message, ...rest);
    if (message.type === "step") {
      for (const { id, finished } of message.updates ?? []) {
        if (finished !== undefined) appendFileSync(probeFile, `${nowMs - (startedMs.get(id) ?? Number.NaN)}\n`);
      }
    }
    return sent;
  });
}
