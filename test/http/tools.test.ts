import { describe, expect, it } from "vitest";
import { UnsupportedSchemaError } from "../../src/grammar/errors.ts";
import { createTestApp, jsonInit, MODEL_ID } from "./support.ts";

const SEARCH = { type: "web_search" };
const LOOK = { type: "function", name: "look", parameters: { type: "object", properties: {} } };

/** The same offer in each protocol: a function, and a tool that only another server has. */
const OFFERS: readonly (readonly [path: string, body: object])[] = [
  [
    "/v1/chat/completions",
    { messages: [{ role: "user", content: "Hi" }], tools: [{ type: "function", function: LOOK }, SEARCH] },
  ],
  ["/v1/responses", { input: "Hi", tools: [LOOK, SEARCH] }],
  ["/v1/responses/input_tokens", { input: "Hi", tools: [SEARCH] }],
  [
    "/v1/messages",
    {
      messages: [{ role: "user", content: "Hi" }],
      max_tokens: 5,
      tools: [
        { name: "look", input_schema: {} },
        { type: "web_search", name: "web_search" },
      ],
    },
  ],
  [
    "/v1/messages/count_tokens",
    { messages: [{ role: "user", content: "Hi" }], tools: [{ type: "web_search", name: "s" }] },
  ],
];

describe("tools that can't exist here", () => {
  it.each(OFFERS)("are left out and named in a header at %s", async (path, body) => {
    const { app } = createTestApp();
    const response = await app.request(path, jsonInit({ model: MODEL_ID, ...body }));
    expect(response.status).toBe(200);
    expect(response.headers.get("sluice-tools-dropped")).toBe("web_search");
  });

  it.each(OFFERS.slice(0, 2))("are named before a stream's first byte at %s", async (path, body) => {
    const { app } = createTestApp();
    const response = await app.request(path, jsonInit({ model: MODEL_ID, ...body, stream: true }));
    expect(response.headers.get("sluice-tools-dropped")).toBe("web_search");
    await response.text();
  });

  it("are refused by name when the request requires a call of one", async () => {
    const { app } = createTestApp();
    const body = { model: MODEL_ID, input: "Hi", tools: [SEARCH, LOOK], tool_choice: SEARCH };
    const response = await app.request("/v1/responses", jsonInit(body));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { param: "tool_choice", message: expect.stringContaining("'web_search'") },
    });
  });

  it("have their names encoded for a header", async () => {
    const { app } = createTestApp();
    const tools = [{ type: "a\r\nb, é" }, { type: "x".repeat(128) }];
    const response = await app.request("/v1/responses", jsonInit({ model: MODEL_ID, input: "Hi", tools }));
    expect(response.headers.get("sluice-tools-dropped")).toBe(`a__b___, ${"x".repeat(128)}`);
    const plain = await app.request("/v1/responses", jsonInit({ model: MODEL_ID, input: "Hi", tools: [LOOK] }));
    expect(plain.headers.has("sluice-tools-dropped")).toBe(false);
  });
});

/** A function behind a tool that is left out, in each protocol, and where its schema stands. */
const BEHIND: readonly (readonly [path: string, body: (parameters: object) => object, place: string])[] = [
  [
    "/v1/chat/completions",
    (parameters) => ({
      messages: [{ role: "user", content: "Hi" }],
      tools: [SEARCH, { type: "function", function: { name: "f", parameters } }],
    }),
    "tools[1].function.parameters",
  ],
  [
    "/v1/responses",
    (parameters) => ({
      input: "Hi",
      tools: [SEARCH, { type: "namespace", name: "n", tools: [SEARCH, { type: "function", name: "f", parameters }] }],
    }),
    "tools[1].tools[1].parameters",
  ],
  [
    "/v1/messages",
    (input_schema) => ({
      messages: [{ role: "user", content: "Hi" }],
      max_tokens: 5,
      tools: [
        { type: "web_search", name: "s" },
        { name: "f", input_schema },
      ],
    }),
    "tools[1].input_schema",
  ],
];

describe("a mistake in a function's schema after dropped tools", () => {
  it.each(BEHIND)("is reported at its own place at %s", async (path, body, place) => {
    const { app } = createTestApp({
      async *generate() {
        yield* [];
        throw new UnsupportedSchemaError("tools[0].function.parameters.properties.a", "not", "leave it out");
      },
    });
    const response = await app.request(path, jsonInit({ model: MODEL_ID, ...body({ type: "object" }) }));
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(`${place}.properties.a`);
  });

  it.each(BEHIND)("is named at its own place in the header of %s", async (path, body, place) => {
    const { app } = createTestApp();
    const schema = { type: "object", properties: { a: { type: "array", uniqueItems: true } } };
    const response = await app.request(path, jsonInit({ model: MODEL_ID, ...body(schema) }));
    expect(response.headers.get("sluice-schema-dropped")).toBe(`${place}.properties.a.uniqueItems`);
  });
});
