import { pino } from "pino";
import { loadConfig } from "../../src/config/load.ts";
import { createGateway, type Gateway } from "../../src/gateway/gateway.ts";
import { type Behave, json, type MockUpstream, mockUpstream } from "../fixtures/mock-upstream.ts";

const ends: (() => Promise<void>)[] = [];

/** Ends what `openUpstream` began. */
export async function closeUpstreams(): Promise<void> {
  for (const end of ends.splice(0).toReversed()) await end();
}

type Opened = { readonly gateway: Gateway; readonly mock: MockUpstream };

/** A gateway in front of a server that behaves so. Its model `ours` is the server's `theirs`; `settings` are the upstream's others, in YAML. */
export async function openUpstream(behave: Behave, settings: string): Promise<Opened> {
  const mock = await mockUpstream(behave);
  ends.push(mock.close);
  const own = `{ baseUrl: "${mock.url}", models: { ours: theirs }, ${settings} }`;
  const text = `upstreams:\n  there: ${own}\nstateFile: ":memory:"\nwarmPresets: false\n`;
  const { config } = loadConfig({
    ...{ flags: { config: "sluice.yaml" }, env: {}, cwd: "/nowhere" },
    readFile: () => new TextEncoder().encode(text),
  });
  const gateway = await createGateway({ config, models: [], logger: pino({ level: "silent" }) });
  ends.push(gateway.stop);
  await gateway.start();
  return { gateway, mock };
}

export async function ask({ gateway }: Opened, path: string, body: object, more: Record<string, string> = {}) {
  const headers = { "content-type": "application/json", ...more };
  const told = await gateway.app.request(path, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: told.status, text: await told.text() };
}

/** The body that the server heard last. */
export const heardBy = ({ mock }: Opened) => mock.posts().at(-1)?.body;

/** Answers as that kind of server does, not streamed, with two tokens to a prompt of nine. */
export function answerAs(kind: "generic" | "anthropic" | "ollama", text: string): Behave {
  const answers = {
    generic: {
      choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }],
      usage: { prompt_tokens: 9, completion_tokens: 2 },
    },
    anthropic: {
      ...{ type: "message", content: [{ type: "text", text }], stop_reason: "end_turn" },
      usage: { input_tokens: 9, output_tokens: 2 },
    },
    ollama: {
      ...{ message: { role: "assistant", content: text }, done: true, done_reason: "stop" },
      ...{ prompt_eval_count: 9, eval_count: 2 },
    },
  };
  return (response, { method }) => json(response, 200, method === "GET" ? { data: [], models: [] } : answers[kind]);
}
