// Tries a real server as an upstream, through a gateway without a model of its own: npm run try-upstream -- KIND:URL [MODEL]
// Keys come from the kind's usual variable. It sends about ten short requests.
import { pino } from "pino";
import { z } from "zod";
import { configSchema } from "../src/config/schema.ts";
import { createGateway } from "../src/gateway/gateway.ts";

const [place, wanted] = process.argv.slice(2);
if (place === undefined) {
  process.stderr.write("Usage: try-upstream KIND:URL [MODEL]\n");
  process.exit(2);
}
const config = configSchema.parse({
  model: [],
  stateFile: ":memory:",
  listPresets: false,
  upstreams: [`there=${place}`],
});
const gateway = await createGateway({ config, models: [], logger: pino({ level: "warn" }) });
await gateway.start();

const messages = [{ role: "user", content: "Say hi in one word." }];
const common = { temperature: 0, max_tokens: 40 };
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const schema = { type: "object", properties: { n: { type: "integer" } }, required: ["n"], additionalProperties: false };

/** What is asked, and what the answer must hold. */
const tries: readonly (readonly [name: string, path: string, body: object, holds: RegExp])[] = [
  ["chat", "/v1/chat/completions", { messages }, /"total_tokens":\s*[1-9]/],
  [
    "stream",
    "/v1/chat/completions",
    { messages, stream: true, stream_options: { include_usage: true } },
    /"total_tokens":\s*[1-9].*\[DONE\]/s,
  ],
  ["messages", "/v1/messages", { messages }, /"output_tokens":\s*[1-9]/],
  ["messages, streamed", "/v1/messages", { messages, stream: true }, /message_stop/],
  ["responses", "/v1/responses", { input: "Say hi in one word." }, /"output_tokens":\s*[1-9]/],
  ["Ollama's chat", "/api/chat", { messages, stream: false }, /"eval_count":\s*[1-9]/],
  ["log-probabilities", "/v1/chat/completions", { messages, logprobs: true, top_logprobs: 2 }, /"logprob":/],
  [
    ...(["schema", "/v1/chat/completions"] as const),
    { messages, response_format: { type: "json_schema", json_schema: { name: "n", schema, strict: true } } },
    /\{\\"n\\":\s*-?\d+|\\"n\\": ?-?\d+/,
  ],
  [
    ...(["tool", "/v1/chat/completions"] as const),
    {
      messages: [{ role: "user", content: "Weather in Rome?" }],
      tools: [{ type: "function", function: { name: "weather", parameters } }],
    },
    /"finish_reason":\s*"(tool_calls|stop|length)"/,
  ],
  ["completion", "/v1/completions", { prompt: "One, two, three," }, /"text":\s*"./],
  ["embeddings", "/v1/embeddings", { input: ["a", "b"] }, /"embedding"/],
];

let failures = 0;
try {
  const list = z.object({ data: z.array(z.object({ id: z.string() })) }).parse(await (await ask("/v1/models")).json());
  const model = wanted === undefined ? list.data[0]?.id : `there/${wanted}`;
  process.stdout.write(`models: ${list.data.map(({ id }) => id).join(", ")}\nasking ${model}\n`);
  for (const [name, path, body, holds] of tries) {
    const startedMs = performance.now();
    const response = await ask(path, { model, ...limits(path), ...body });
    const text = await response.text();
    const isGood = response.status === 200 && holds.test(text);
    // A server that can't do a thing says so, which is right too.
    const isRefused = response.status === 400;
    if (!isGood && !isRefused) failures += 1;
    const word = isGood ? "good" : isRefused ? "refused" : "FAILED";
    const words = isGood ? "" : text.replaceAll(/\s+/g, " ").slice(0, 300);
    process.stdout.write(
      `${word.padEnd(8)} ${name.padEnd(20)} ${Math.round(performance.now() - startedMs)} ms ${words}\n`,
    );
  }
} finally {
  await gateway.stop();
}
process.exitCode = failures === 0 ? 0 : 1;

/** The bound of an answer, as each protocol calls it. */
function limits(path: string): object {
  const { temperature, max_tokens } = common;
  if (path === "/v1/embeddings") return {};
  if (path.startsWith("/api/")) return { options: { temperature, num_predict: max_tokens } };
  return path === "/v1/responses" ? { temperature, max_output_tokens: max_tokens } : common;
}

async function ask(path: string, body?: object): Promise<Response> {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  return gateway.app.request(path, body === undefined ? {} : init);
}
