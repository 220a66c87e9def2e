import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { keyOf } from "../../src/cache/key.ts";
import { createControlFinder } from "../../src/engine/llama/control-finder.ts";
import { chatVariables } from "../../src/engine/worker/chat-variables.ts";
import { parseHostMessage } from "../../src/engine/worker/child.ts";
import { createDisguise } from "../../src/engine/worker/control-text.ts";
import type { Embed } from "../../src/generation/embedding.ts";
import { UnrenderablePromptError } from "../../src/generation/errors.ts";
import type { GenerationEvent } from "../../src/generation/event.ts";
import { compose, type Generate } from "../../src/generation/layer.ts";
import type { GenerationRequest } from "../../src/generation/request.ts";
import { holdToFormat } from "../../src/grammar/layer.ts";
import { callTools } from "../../src/tools/layer.ts";
import { findServerFault, type HostileRequest, hostileRequests } from "../fixtures/hostile-requests.ts";
import { TEMPLATES } from "../tools/support.ts";
import { createTestApp, jsonInit, MODEL_ID, servedModel } from "./support.ts";

/** Reads a request as the engine does, and says a call, and whatever else the request may want to read. */
const engine: Generate = async function* (request) {
  const { choices, logprobs } = request;
  keyOf(request, "model");
  const { prompt, tools } = parseHostMessage<Pick<GenerationRequest, "prompt" | "tools">>(
    JSON.stringify({ prompt: request.prompt, tools: request.tools }),
  );
  if (prompt.type === "chat") {
    try {
      createDisguise(createControlFinder(["<|im_start|>"])).hideAll(chatVariables(prompt, tools?.tools ?? []));
    } catch (error) {
      // Deeper than the renderer goes, with what stands around it.
      throw new UnrenderablePromptError(String(error));
    }
  }
  const all = Array.from({ length: choices }, (_, choice) => choice);
  const scored = { token: 1, bytes: [72, 105], logprob: -0.5 };
  yield { type: "started", promptTokens: 12, cachedTokens: 4 };
  for (const choice of all) {
    for (const text of ["Hi ", '<tool_call>\n{"name": "f", "arguments": {"a": 1.0}}\n</tool_call>']) {
      yield { type: "text", choice, text, ...(logprobs !== undefined && { logprobs: [{ ...scored, top: [scored] }] }) };
    }
    yield { type: "finished", choice, reason: "stop", completionTokens: 3 } satisfies GenerationEvent;
  }
};
const embed: Embed = async ({ items }) => ({ vectors: items.map(() => Float32Array.of(0.5, -0.5)), tokens: 9 });
const layers = [callTools({ loadTemplate: async () => TEMPLATES.hermes, countTokens: async () => 1 }), holdToFormat()];

const bodySchema = z.looseObject({
  $ref: z.string().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
});
const bodies = z.object({
  paths: z.record(
    z.string(),
    z.looseObject({
      post: z
        .looseObject({
          requestBody: z
            .looseObject({ content: z.record(z.string(), z.looseObject({ schema: bodySchema.optional() })) })
            .optional(),
        })
        .optional(),
    }),
  ),
  components: z.looseObject({ schemas: z.record(z.string(), bodySchema) }),
});
const identified = z.object({ id: z.string() });
/** What the server's adapter tells of the connection. */
const FROM_HERE = { incoming: { socket: { remoteAddress: "127.0.0.1" } } };

function createApp() {
  return createTestApp({
    models: [servedModel(compose(layers, engine), { embed })],
    settings: { maxBodyBytes: 16 * 1024 * 1024 },
  });
}

describe("a request of any kind", () => {
  it("is answered, or refused in words, by every operation, and is never a fault of the server", async () => {
    const { app, log, runs } = createApp();
    const document = await (await app.request("/openapi.json")).json();
    const ids = await Promise.all(
      Object.entries({
        "/v1/chat/completions": { model: MODEL_ID, messages: [{ role: "user", content: "Hi" }], store: true },
        "/v1/responses": { model: MODEL_ID, input: "Hi" },
        "/v1/conversations": {},
      }).map(async ([path, body]) => identified.parse(await (await app.request(path, jsonInit(body))).json()).id),
    );
    const ask = async ({ method, path, headers, body }: HostileRequest) => {
      const init = body === undefined ? { method, headers } : { method, headers, body };
      const response = await app.request(path, init, FROM_HERE);
      const text = await response.text();
      return { status: response.status, text, type: response.headers.get("content-type") };
    };
    await fc.assert(
      fc.asyncProperty(hostileRequests(document, { model: MODEL_ID, ids }), async (request) => {
        const { status, text } = await ask(request);
        expect(findServerFault(request.path, status, text)).toBeUndefined();
      }),
      { numRuns: 6_000, interruptAfterTimeLimit: 40_000 },
    );
    await runs.settled();
    expect(log.filter(({ msg }) => String(msg).includes("internal"))).toEqual([]);
    expect(Object.keys(Object.prototype)).toEqual([]);
  }, 120_000);

  it("is refused in words where any field of it is an object that can't become a string", async () => {
    const { app, log } = createApp();
    const { paths, components } = bodies.parse(await (await app.request("/openapi.json")).json());
    const trap = { toString: 1, valueOf: 2, toJSON: 3, length: -1 };
    let count = 0;
    for (const [path, { post }] of Object.entries(paths)) {
      const schema = post?.requestBody?.content["application/json"]?.schema;
      const { properties = {} } =
        (schema?.$ref && components.schemas[schema.$ref.split("/").at(-1) ?? ""]) || schema || {};
      for (const field of new Set([...Object.keys(properties), "model", "prompt", "session", "variables"])) {
        const told = { model: MODEL_ID, messages: [{ role: "user", content: "Hi" }], input: "Hi", [field]: trap };
        const response = await app.request(path.replaceAll(/\{[^}]*\}/g, "x"), jsonInit(told), FROM_HERE);
        expect(findServerFault(path, response.status, await response.text()), `${path} ${field}`).toBeUndefined();
        count++;
      }
    }
    expect(count).toBeGreaterThan(200);
    expect(log.filter(({ msg }) => String(msg).includes("internal"))).toEqual([]);
  }, 120_000);
});
