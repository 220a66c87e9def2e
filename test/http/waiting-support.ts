import { Hono } from "hono";
import type { WaitNews } from "../../src/generation/news.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import type { Caller, HttpEnv } from "../../src/http/context.ts";
import { aborted } from "../fixtures/generation.ts";
import { answerWith, createTestApp, jsonInit, MODEL_ID, type requestCutThrough, script } from "./support.ts";

const messages = [{ role: "user", content: "Hi" }];

/**
 * Each protocol that writes text: where it is, a whole request, the path to an error's code, or its type, in an event of its stream,
 * and the events with which one begins and goes on that has nothing to say yet.
 */
export const PROTOCOLS = [
  {
    name: "a chat completion",
    path: "/v1/chat/completions",
    body: { model: MODEL_ID, messages },
    codeOf: (error: unknown) => Object(error).error?.code,
    begins: ["chat.completion.chunk"],
    goesOn: ["chat.completion.chunk"],
    overloaded: { status: 503, code: "server_overloaded" },
  },
  {
    name: "a completion",
    path: "/v1/completions",
    body: { model: MODEL_ID, prompt: "Hi" },
    codeOf: (error: unknown) => Object(error).error?.code,
    begins: ["text_completion"],
    goesOn: ["text_completion"],
    overloaded: { status: 503, code: "server_overloaded" },
  },
  {
    name: "a response",
    path: "/v1/responses",
    body: { model: MODEL_ID, input: "Hi" },
    codeOf: (error: unknown) => Object(error).response?.error?.code,
    begins: ["response.created", "response.in_progress"],
    goesOn: ["response.in_progress"],
    overloaded: { status: 503, code: "rate_limit_exceeded" },
  },
  {
    name: "a message",
    path: "/v1/messages",
    body: { model: MODEL_ID, messages, max_tokens: 9 },
    codeOf: (error: unknown) => Object(error).error?.type,
    begins: ["ping"],
    goesOn: ["ping"],
    overloaded: { status: 529, code: "overloaded_error" },
  },
] as const;

type Fields = Readonly<Record<string, unknown>>;
type Headers = Readonly<Record<string, string>>;

/** An app whose requests wait until the queue, which is the test, says otherwise. */
export function createWaitingApp(
  caller?: Caller,
  wayOf: typeof requestCutThrough = (app) => async (path, init) => app.request(path, init),
) {
  const seen: GenerationRequest[] = [];
  const begun = Promise.withResolvers<void>();
  const turn = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  const { app: gateway, log } = createTestApp({
    generate: script(async function* (request) {
      seen.push(request);
      begun.resolve();
      try {
        await Promise.race([turn.promise, aborted(request.signal)]);
        request.signal.throwIfAborted();
        yield* answerWith(["Hello"]);
      } finally {
        left.resolve();
      }
    }),
  });
  const app = new Hono<HttpEnv>();
  app.use(async (c, next) => {
    if (caller !== undefined) c.set("caller", caller);
    await next();
  });
  app.route("/", gateway);
  const ask = wayOf(app);

  function tell(news: WaitNews): void {
    for (const { observe } of seen) observe?.(news);
  }

  return {
    app,
    log,
    seen,
    tell,
    /** Begins a request. Its answer is in a promise of its own, so that this can be awaited. */
    async send(path: string, body: Fields, headers: Headers = {}, signal?: AbortSignal) {
      const init = jsonInit(body, signal);
      const response = Promise.resolve(ask(path, { ...init, headers: { ...init.headers, ...headers } }));
      // Its failures are for whoever awaits it.
      response.catch(() => {});
      await begun.promise;
      return { response };
    },
    wait: (position: number, etaMs: number) => tell({ type: "waiting", position, etaMs }),
    /** Gives all requests their turn. */
    admit(waitedMs: number, position: number) {
      tell({ type: "admitted", waitedMs, position });
      turn.resolve();
    },
    refuse: (error: Error) => turn.reject(error),
    /** Resolves when a request has left the queue, in whatever way. */
    left: left.promise,
  };
}

/** The comments of a stream, and the stream without them. */
export function splitComments(stream: string) {
  const frames = stream.split(/(?<=\n\n)/);
  const isComment = (frame: string) => frame.startsWith(":");
  return {
    comments: frames.filter(isComment).map((frame) => frame.trimEnd()),
    rest: frames.filter((frame) => !isComment(frame)).join(""),
  };
}

/** The JSON of each event of a stream. */
export function eventsOf(stream: string): unknown[] {
  return [...stream.matchAll(/^data: (\{.*)$/gm)].map(([, data = ""]) => JSON.parse(data));
}
