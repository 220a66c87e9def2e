/**
 * Open WebUI, over chat completions. Its server is driven as its page drives it: a chat is opened, its answer is written to the chat by a
 * task of the server, and the chat is read until the answer is done.
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { freePort } from "../../bench/peers/port.ts";
import { force, withModel } from "./kit/agent.ts";
import type { Bed } from "./kit/bed.ts";
import { assertAnswered, assertFewTries, generations, streamedText } from "./kit/checks.ts";
import { tryClient } from "./kit/main.ts";
import { assertFits, QUESTION, SCHEMA, tooLong } from "./kit/prompts.ts";

const VERSION = "0.12.4";
const STARTS_WITHIN_MS = 120_000;
const ANSWERS_WITHIN_MS = 240_000;
const BETWEEN_LOOKS_MS = 100;

/** Its server while it runs. */
type Server = {
  get<T>(path: string, schema: z.ZodType<T>): Promise<T>;
  post<T>(path: string, body: object, schema: z.ZodType<T>): Promise<T>;
};

const Token = z.object({ token: z.string() });
const Models = z.object({ data: z.array(z.object({ id: z.string() })) });
const Completion = z.object({ choices: z.array(z.object({ message: z.object({ content: z.string() }) })).min(1) });
const Opened = z.object({ chat_id: z.string() });
const Message = z.object({
  role: z.string(),
  content: z.string().default(""),
  done: z.boolean().optional(),
  error: z.object({ content: z.string() }).nullish(),
});
const Chat = z.object({
  title: z.string(),
  chat: z.object({ history: z.object({ messages: z.record(z.string(), Message) }) }),
});
type Message = z.infer<typeof Message>;

/** Starts the server, lets `use` work with it, and ends it. Nothing is downloaded: embeddings and Ollama are off. */
async function withServer<T>(bed: Bed, use: (server: Server) => Promise<T>, env: Record<string, string> = {}) {
  const port = await freePort();
  const done = Promise.withResolvers<void>();
  const running = bed.run("open-webui", ["serve", "--host", "127.0.0.1", "--port", String(port)], {
    interruptAfter: done.promise,
    timeoutMs: STARTS_WITHIN_MS + 2 * ANSWERS_WITHIN_MS,
    env: {
      ...{ OPENAI_API_BASE_URL: `${bed.recorder.url}/v1`, OPENAI_API_KEY: bed.key, ENABLE_OLLAMA_API: "false" },
      ...{ WEBUI_AUTH: "false", WEBUI_SECRET_KEY: randomUUID(), DATA_DIR: join(bed.home, "data") },
      ...{ ENABLE_PERSISTENT_CONFIG: "false", CORS_ALLOW_ORIGIN: `http://127.0.0.1:${port}` },
      ...{ OFFLINE_MODE: "true", RAG_EMBEDDING_ENGINE: "openai", BYPASS_EMBEDDING_AND_RETRIEVAL: "true" },
      ...{ DO_NOT_TRACK: "true", SCARF_NO_ANALYTICS: "true", ANONYMIZED_TELEMETRY: "false" },
      ...env,
    },
  });
  const url = `http://127.0.0.1:${port}`;
  try {
    const healthy = until(STARTS_WITHIN_MS, "its server listens", async () => {
      const response = await fetch(`${url}/health`).catch(() => undefined);
      return response?.ok ? true : undefined;
    });
    const ended = running.then(({ code, stderr }) => {
      throw new Error(`its server ended with ${code}: ${stderr.slice(-1_000)}`);
    });
    await Promise.race([healthy, ended]);
    const { token } = await call(url, undefined, "/api/v1/auths/signin", { email: "", password: "" }, Token);
    return await use({
      get: (path, schema) => call(url, token, path, undefined, schema),
      post: (path, body, schema) => call(url, token, path, body, schema),
    });
  } finally {
    done.resolve();
    await running;
  }
}

/** Sends a request to the server. Throws its error message if it refuses. */
async function call<T>(
  url: string,
  token: string | undefined,
  path: string,
  body: object | undefined,
  schema: z.ZodType<T>,
): Promise<T> {
  const response = await fetch(`${url}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { "content-type": "application/json", ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(ANSWERS_WITHIN_MS),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path} was answered with ${response.status}: ${text.slice(0, 500)}`);
  return schema.parse(JSON.parse(text));
}

/** Opens a chat with one message, as the page does; the answer comes in a task of the server. */
async function openChat(server: Server, bed: Bed, content: string, body: object = {}): Promise<string> {
  // A new chat needs the list of models: the page has asked for it before.
  await server.get("/api/models", Models);
  const [question, answer] = [randomUUID(), randomUUID()];
  const { chat_id } = await server.post(
    "/api/chat/completions",
    {
      ...{ model: bed.model, stream: true, session_id: randomUUID(), parent_id: null },
      messages: [{ role: "user", content }],
      features: { memory: true },
      message_ids: [{ model_id: bed.model, message_id: answer }],
      user_message: { id: question, parentId: null, role: "user", content, models: [bed.model] },
      ...body,
    },
    Opened,
  );
  return chat_id;
}

/** The answer of a chat, when it is done. */
function answerOf(server: Server, chatId: string): Promise<Message> {
  return until(ANSWERS_WITHIN_MS, "the answer is done", async () => {
    const { chat } = await server.get(`/api/v1/chats/${chatId}`, Chat);
    return Object.values(chat.history.messages).find(({ role, done }) => role === "assistant" && done === true);
  });
}

/** Polls until there is a result. */
async function until<T>(withinMs: number, what: string, look: () => Promise<T | undefined>): Promise<T> {
  const endMs = performance.now() + withinMs;
  while (performance.now() < endMs) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(BETWEEN_LOOKS_MS);
  }
  throw new Error(`it took more than ${withinMs} ms until ${what}`);
}

/** How many tools a request offers. */
function toolsIn(body: Record<string, unknown> | undefined): number {
  return Array.isArray(body?.tools) ? body.tools.length : 0;
}

await tryClient({
  client: "open-webui",
  version: VERSION,
  // torch and CUDA are gigabytes, and only embeddings on its own machine need them.
  setUp: (bed) => bed.uv([`open-webui==${VERSION}`], { without: ["torch"] }),
  things: {
    plain: (bed) =>
      withServer(bed, async (server) => {
        await server.get("/api/models", Models);
        const messages = [{ role: "user", content: QUESTION }];
        const asked = { model: bed.model, stream: false, messages };
        const { choices } = await server.post("/api/chat/completions", asked, Completion);
        assertAnswered(bed);
        if (!/[A-Za-z]{2,}/.test(choices[0]?.message.content ?? "")) throw new Error("the answer has no words");
        return "by its API";
      }),
    stream: (bed) =>
      withServer(bed, async (server) => {
        const chatId = await openChat(server, bed, QUESTION, { background_tasks: { title_generation: true } });
        const { content, error } = await answerOf(server, chatId);
        if (error) throw new Error(`the chat has an error: ${error.content}`);
        const title = await until(ANSWERS_WITHIN_MS, "the title is there", async () => {
          const chat = await server.get(`/api/v1/chats/${chatId}`, Chat);
          return chat.title === "New Chat" ? undefined : chat.title;
        });
        const streamed = assertAnswered(bed).find(({ body }) => body?.stream === true);
        if (streamed === undefined) throw new Error("it asks for no stream");
        const text = streamedText(streamed).trim();
        if (text === "" || content.trim() !== text) throw new Error(`"${text}" came, and the chat has "${content}"`);
        if (!assertAnswered(bed).some(({ body }) => JSON.stringify(body?.messages).includes("concise title")))
          throw new Error("it asked for no title");
        return `as its page: ${toolsIn(streamed.body)} tools offered, a title asked for, the chat is called "${title}"`;
      }),
    tools: (bed) =>
      withServer(bed, async (server) => {
        bed.recorder.changeOnce((body) => force(body, "get_current_timestamp", bed.callingModel));
        const { error } = await answerOf(server, await openChat(server, bed, QUESTION));
        if (error) throw new Error(`the chat has an error: ${error.content}`);
        const results = assertAnswered(bed).filter(({ body }) => JSON.stringify(body).includes('"role":"tool"'));
        if (results.length === 0) throw new Error("no result was sent back");
        return "made to call get_current_timestamp, it sends the result back";
      }),
    structured: (bed) =>
      withServer(bed, async (server) => {
        // What a user types under "custom parameters" of a chat.
        const format = { type: "json_schema", json_schema: { name: "answer", strict: true, schema: SCHEMA } };
        const params = { custom_params: { response_format: JSON.stringify(format) }, function_calling: "legacy" };
        bed.recorder.changeOnce((body) => withModel(body, bed.callingModel));
        const { content } = await answerOf(server, await openChat(server, bed, "Name a city.", { params }));
        assertAnswered(bed);
        return `by a custom parameter: ${assertFits(content)}`;
      }),
    cancel: (bed) =>
      withServer(bed, async (server) => {
        bed.recorder.changeOnce((body) => withModel(body, bed.callingModel));
        const params = { function_calling: "legacy" };
        const chatId = await openChat(server, bed, "Write a long story about the sea.", { params });
        await until(ANSWERS_WITHIN_MS, "the answer begins", async () =>
          generations(bed).some((each) => streamedText(each) !== "") ? true : undefined,
        );
        await server.post(`/api/tasks/chat/${chatId}/stop`, {}, z.object({ status: z.literal(true) }));
        await until(ANSWERS_WITHIN_MS, "it hangs up", async () =>
          generations(bed).some(({ left }) => left) ? true : undefined,
        );
        return "stopped in mid-stream, it hangs up";
      }),
    "over-context": (bed) =>
      withServer(bed, async (server) => {
        const { error } = await answerOf(server, await openChat(server, bed, tooLong(bed.contextTokens)));
        if (!/maximum context length/.test(error?.content ?? ""))
          throw new Error(`the chat's error: ${error?.content}`);
        const tries = generations(bed).length;
        if (tries > 2) throw new Error(`it tried ${tries} times`);
        return `the chat shows the error; tries: ${tries}`;
      }),
    "wrong-key": (bed) =>
      withServer(
        bed,
        async (server) => {
          const { data } = await server.get("/api/models", Models);
          if (data.some(({ id }) => id === bed.model)) throw new Error("it lists models");
          const verified = server.post(
            "/openai/verify",
            { url: `${bed.recorder.url}/v1`, key: "sk-wrong" },
            z.unknown(),
          );
          const told = await verified.then(
            () => "",
            (error: Error) => error.message,
          );
          const tries = assertFewTries(bed, 401);
          if (!/401|API key/i.test(told)) throw new Error(`its check of the connection says: ${told || "nothing"}`);
          return `lists no models, and its check of the connection fails; ${tries} × 401`;
        },
        { OPENAI_API_KEY: "sk-wrong" },
      ),
    "model-list": (bed) =>
      withServer(bed, async (server) => {
        const { data } = await server.get("/api/models", Models);
        if (!data.some(({ id }) => id === bed.model))
          throw new Error(`it lists ${data.map(({ id }) => id).join(", ")}`);
        return `lists all ${data.length}`;
      }),
  },
});
