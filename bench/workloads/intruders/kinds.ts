import { realLifeSchema } from "./schema.ts";

/** One hostile but possible client. */
export type Intruder = {
  readonly name: string;
  /** What it sends. */
  readonly title: string;
  readonly deed: Deed;
};

/** What an intruder does over and over until it is told to stop. All of it can be copied into another thread. */
export type Deed =
  /** Requests one after the other over kept connections, in turns. */
  | { readonly type: "requests"; readonly requests: readonly RawRequest[] }
  /** As many at once, each over a connection of its own, one time. */
  | { readonly type: "burst"; readonly count: number; readonly request: RawRequest }
  /** Connections that are held: with a body, or headers, of a byte in `everyMs`, with nothing, and with an answer that nobody reads. */
  | {
      readonly type: "held";
      readonly slowBodies: number;
      readonly slowHeads: number;
      readonly idle: number;
      readonly unread: number;
      readonly everyMs: number;
      readonly request: RawRequest;
    };

export type RawRequest = { readonly path: string; readonly body: string };

/** What a request's text depends on. */
export type Material = {
  readonly model: string;
  /** Text of as many tokens, another each time. */
  readonly passage: (tokens: number) => string;
};

const CHAT = "/v1/chat/completions";
const DEPTH = 5_000;

/** Every intruder, in the order in which they come. */
export function makeIntruders({ model, passage }: Material): readonly Intruder[] {
  const ask = { model, messages: [{ role: "user", content: "Say hi" }], max_tokens: 2 };
  const tool = (parameters: string) => `[{"type":"function","function":{"name":"f","parameters":${parameters}}}]`;
  const deepSchema = nested('{"type":"object","properties":{"a":', "{}", "}}");
  const chat = (field: string, value: string): RawRequest => ({ path: CHAT, body: withField(ask, field, value) });
  const requests = (name: string, title: string, ...list: readonly RawRequest[]): Intruder => ({
    ...{ name, title },
    deed: { type: "requests", requests: list },
  });

  return [
    requests(
      "deep-json",
      `values ${DEPTH.toLocaleString("en-US")} deep in a template's arguments, a tool, a schema`,
      chat("chat_template_kwargs", `{"a":${nested("[", "1", "]")}}`),
      chat("tools", tool(deepSchema)),
      chat("response_format", `{"type":"json_schema","json_schema":{"name":"s","schema":${deepSchema}}}`),
      { path: "/apply-template", body: withField(ask, "chat_template_kwargs", `{"a":${nested("[", "1", "]")}}`) },
    ),
    requests("control-tokens", "252 KB of a control token's spelling to /tokenize", {
      path: "/tokenize",
      body: JSON.stringify({ model, content: "<|im_start|>".repeat(21_000), parse_special: true }),
    }),
    requests("pieces", "140 KB of 中😀 to /tokenize, with pieces", {
      path: "/tokenize",
      body: JSON.stringify({ model, content: "中😀".repeat(20_000), with_pieces: true }),
    }),
    requests("count-words", "4 MB of words to count_tokens", {
      path: "/v1/messages/count_tokens",
      body: JSON.stringify({ model, messages: [{ role: "user", content: "sluice gate ".repeat(350_000) }] }),
    }),
    requests("count-messages", "10,000 messages to count_tokens", {
      path: "/v1/messages/count_tokens",
      body: JSON.stringify({ model, messages: Array.from({ length: 10_000 }, (_, index) => turn(index)) }),
    }),
    requests("spaces", "a chat with 2 MB of spaces", {
      path: CHAT,
      body: JSON.stringify({ ...ask, messages: [{ role: "user", content: " ".repeat(2_000_000) }] }),
    }),
    requests("ambiguous-grammar", "a grammar that reads one text in very many ways", {
      path: CHAT,
      body: JSON.stringify({ ...ask, grammar: `root ::= ${'("a"|"a"|"a"|"a")? '.repeat(30)}` }),
    }),
    requests("schema", "a JSON schema of 14 KB, another each time", ...distinctSchemas(ask)),
    requests("brackets", "10 MB of [", { path: CHAT, body: withField(ask, "user", "[".repeat(10_000_000)) }),
    requests("million-keys", "12 MB of JSON with a million keys", { path: CHAT, body: millionKeys(ask) }),
    {
      name: "crowd",
      title: "300 chats at once, on 4 slots",
      deed: {
        type: "burst",
        count: 300,
        request: { path: CHAT, body: JSON.stringify({ ...ask, max_tokens: 64 }) },
      },
    },
    requests(
      "long-prompt",
      "prompts of 6,400 tokens",
      ...Array.from({ length: 4 }, () => ({
        path: CHAT,
        body: JSON.stringify({ ...ask, messages: [{ role: "user", content: passage(6_400) }] }),
      })),
    ),
    {
      name: "slow-clients",
      title: "bodies and headers of a byte a second, idle connections, answers that nobody reads",
      deed: {
        ...{ type: "held", slowBodies: 200, slowHeads: 200, idle: 1_000, unread: 20, everyMs: 1_000 },
        request: { path: CHAT, body: JSON.stringify({ ...ask, stream: true, max_tokens: 64 }) },
      },
    },
  ];
}

function turn(index: number): { readonly role: string; readonly content: string } {
  return { role: index % 2 === 0 ? "user" : "assistant", content: `What is ${index}?` };
}

/** JSON text that is `DEPTH` deep: built as text, since `JSON.stringify` would run out of stack. */
function nested(open: string, core: string, close: string): string {
  return open.repeat(DEPTH) + core + close.repeat(DEPTH);
}

/** The JSON text of an object with one more field, whose value is JSON text, or should be. */
function withField(object: object, field: string, value: string): string {
  return `${JSON.stringify(object).slice(0, -1)},${JSON.stringify(field)}:${value}}`;
}

function millionKeys(ask: object): string {
  const keys = Array.from({ length: 1_000_000 }, (_, index) => `"k${index}":0`).join(",");
  return withField(ask, "metadata", `{${keys}}`);
}

const SCHEMAS = 64;

/** The same schema with another title, so that none was compiled before. */
function distinctSchemas(ask: object): readonly RawRequest[] {
  return Array.from({ length: SCHEMAS }, (_, index) => {
    const schema = realLifeSchema(index);
    const body = { ...ask, response_format: { type: "json_schema", json_schema: { name: "order", schema } } };
    return { path: CHAT, body: JSON.stringify(body) };
  });
}
