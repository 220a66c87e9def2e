import type { Clock } from "../../../src/clock.ts";
import { MODEL_ID } from "../support.ts";

const user = { role: "user", content: "Hi" };

/** A streamed request of each protocol. */
export const STREAMED = {
  chat: { path: "/v1/chat/completions", body: { model: MODEL_ID, messages: [user], stream: true } },
  "chat with two choices": {
    path: "/v1/chat/completions",
    body: { model: MODEL_ID, messages: [user], stream: true, n: 2, stream_options: { include_usage: true } },
  },
  completions: { path: "/v1/completions", body: { model: MODEL_ID, prompt: "Hi", stream: true } },
  responses: { path: "/v1/responses", body: { model: MODEL_ID, input: "Hi", stream: true } },
  messages: { path: "/v1/messages", body: { model: MODEL_ID, messages: [user], max_tokens: 99, stream: true } },
  "llama-server": { path: "/completion", body: { model: MODEL_ID, prompt: "Hi", stream: true } },
  Ollama: { path: "/api/chat", body: { model: MODEL_ID, messages: [user] } },
} as const;

type Request = (path: string, init?: RequestInit) => Response | Promise<Response>;

/** Begins a stream that is kept. */
export async function begin(
  request: Request,
  { path, body }: { readonly path: string; readonly body: object },
  headers: Readonly<Record<string, string>> = {},
) {
  const response = await request(path, {
    method: "POST",
    headers: { "content-type": "application/json", "sluice-resume": "1", ...headers },
    body: JSON.stringify(body),
  });
  return { response, id: response.headers.get("x-request-id") ?? "" };
}

const CUT_OFF = { done: undefined, value: "" };

/** What a client reads of an answer: up to `count` whole events, then it leaves. */
export async function readEvents(
  response: Response,
  count = Number.POSITIVE_INFINITY,
): Promise<{ readonly events: readonly string[]; readonly isWhole: boolean }> {
  const mark = response.headers.get("content-type")?.includes("ndjson") === true ? "\n" : "\n\n";
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const events: string[] = [];
  let held = "";
  while (events.length < count) {
    const { done, value = "" } = (await reader?.read().catch(() => CUT_OFF)) ?? CUT_OFF;
    if (done === undefined) return { events, isWhole: false };
    held += value;
    for (let at = held.indexOf(mark); at >= 0 && events.length < count; at = held.indexOf(mark)) {
      events.push(held.slice(0, at + mark.length));
      held = held.slice(at + mark.length);
    }
    if (done === true) return { events, isWhole: true };
  }
  await reader?.cancel().catch(() => {});
  return { events, isWhole: false };
}

/** The number in an event's id; undefined if it has none. */
export function numberOf(event: string | undefined): number | undefined {
  const number = /^id: req_[0-9a-f]{32}:(\d+)$/m.exec(event ?? "")?.[1];
  return number === undefined ? undefined : Number(number);
}

/** A clock that stands still until it is told how far to go. */
export function createHand(): Clock & { readonly pass: (ms: number) => void; readonly waiting: () => number } {
  let now = 0;
  const due = new Map<() => void, number>();
  return {
    now: () => now,
    after(delayMs, callback) {
      const once = () => callback();
      due.set(once, now + delayMs);
      return () => void due.delete(once);
    },
    pass(ms) {
      now += ms;
      for (const [callback, at] of [...due]) {
        if (at <= now && due.delete(callback)) callback();
      }
    },
    waiting: () => due.size,
  };
}
