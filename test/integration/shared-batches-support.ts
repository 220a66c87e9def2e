import { pino } from "pino";
import { type Config, configSchema } from "../../src/config/schema.ts";
import { createGateway } from "../../src/gateway/gateway.ts";
import { answerWith, type Behave, json, mockUpstream } from "../fixtures/mock-upstream.ts";
import { batchResult, batch as batchSchema } from "../fixtures/openai/batches.ts";
import { file as fileSchema } from "../fixtures/openai/files.ts";

/** Sends a request to a gateway, here or in a process of its own. */
export type Ask = (path: string, init?: RequestInit) => Promise<Response>;

/** A gateway by its URL. */
export function askAt(url: string): Ask {
  return (path, init) => fetch(`${url}${path}`, init);
}

const ENDED = ["completed", "failed", "expired", "cancelled"];
const ENDPOINT = "/v1/chat/completions";

export function linesOf(count: number, model = "one"): readonly string[] {
  return Array.from({ length: count }, (_, n) =>
    JSON.stringify({
      custom_id: `line-${n}`,
      method: "POST",
      url: ENDPOINT,
      body: { model, messages: [{ role: "user", content: `Number ${n}` }], temperature: 0, max_tokens: 8 },
    }),
  );
}

/** What a client does with a gateway's batches. */
export function clientOf(ask: Ask) {
  const show = async (id: string) => batchSchema.parse(await (await ask(`/v1/batches/${id}`)).json());
  const upload = async (lines: readonly string[]): Promise<Response> => {
    const form = new FormData();
    form.set("purpose", "batch");
    form.set("file", new File([lines.join("\n")], "in.jsonl"));
    return ask("/v1/files", { method: "POST", body: form });
  };
  const until = async (id: string, holds: (batch: Awaited<ReturnType<typeof show>>) => boolean) => {
    for (;;) {
      const batch = await show(id);
      if (holds(batch)) return batch;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const results = async (id: string | null) => {
    const text = await (await ask(`/v1/files/${id}/content`)).text();
    return text
      .trimEnd()
      .split("\n")
      .map((line) => batchResult.parse(JSON.parse(line)));
  };
  return {
    ask,
    show,
    upload,
    until,
    results,
    async create(lines: readonly string[]): Promise<string> {
      const { id } = fileSchema.parse(await (await upload(lines)).json());
      const body = JSON.stringify({ input_file_id: id, endpoint: ENDPOINT, completion_window: "24h" });
      const headers = { "content-type": "application/json" };
      return batchSchema.parse(await (await ask("/v1/batches", { method: "POST", headers, body })).json()).id;
    },
    ended: (id: string) => until(id, ({ status }) => ENDED.includes(status)),
    /** The answers of a batch, by the ids of its lines. Throws if a line has two. */
    async answers(id: string | null): Promise<Readonly<Record<string, unknown>>> {
      const answers = new Map<string, unknown>();
      for (const { custom_id, response } of await results(id)) {
        if (answers.has(custom_id)) throw new Error(`${custom_id} has two results.`);
        answers.set(custom_id, Object(response?.body).choices?.[0]?.message?.content);
      }
      return Object.fromEntries(answers);
    },
  };
}

/** A server whose answer repeats the question, as soon as it may. */
export async function echoUpstream() {
  let gate: Promise<void> | undefined;
  let open = () => {};
  const asked: string[] = [];
  const echo: Behave = async (response, heard) => {
    if (heard.method === "GET") return json(response, 200, { data: [{ id: "one", object: "model" }] });
    const question = String(Object(heard.body).messages?.[0]?.content);
    asked.push(question);
    await gate;
    await answerWith([`${question}!`])(response, heard);
  };
  const server = await mockUpstream(echo);
  return {
    url: server.url,
    /** The questions, answered or not. */
    asked,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      [gate, open] = [promise, resolve];
    },
    release() {
      gate = undefined;
      open();
    },
    close: server.close,
  };
}

export type EchoUpstream = Awaited<ReturnType<typeof echoUpstream>>;

/** The settings of a gateway that shares batches and answers by one other server. */
export function settingsOf(upstream: Pick<EchoUpstream, "url">, redisUrl: string) {
  const upstreams = [{ name: "there", baseUrl: upstream.url, models: { one: "one" } }];
  return {
    ...{ model: [], listPresets: false, pages: false, cacheBytes: 0, upstreams },
    ...{ redisUrl, redisShares: ["batches"], redisTimeoutMs: 2_000 },
  };
}

/** A gateway in this process. */
export async function openGateway(
  upstream: Pick<EchoUpstream, "url">,
  redisUrl: string,
  more: Partial<Record<keyof Config, unknown>> = {},
) {
  const config = configSchema.parse({ ...settingsOf(upstream, redisUrl), stateFile: ":memory:", ...more });
  const gateway = await createGateway({ config, models: [], logger: pino({ level: "silent" }) });
  await gateway.start();
  const ask: Ask = async (path, init) => gateway.app.request(path, init);
  return { ...clientOf(ask), stop: gateway.stop };
}
