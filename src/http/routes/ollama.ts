import type { Context, Handler } from "hono";
import type { Backend } from "../../generation/backend.ts";
import type { News } from "../../generation/news.ts";
import type { GenerationRequest } from "../../generation/request.ts";
import type { Generation } from "../../generation/wish.ts";
import { PRESET_PREFIX } from "../../prompts/reference.ts";
import { complete } from "../../protocols/complete.ts";
import { decodeOllamaChat, decodeOllamaGenerate, type OllamaRequest } from "../../protocols/ollama/decode.ts";
import {
  createOllamaEncoder,
  encodeLoaded,
  encodeOllama,
  type OllamaAnswer,
  type OllamaForm,
} from "../../protocols/ollama/encode.ts";
import { OLLAMA_SAMPLING } from "../../protocols/ollama/options.ts";
import { createStopwatch, type Stopwatch } from "../../protocols/ollama/stopwatch.ts";
import type { ToolOffer } from "../../protocols/tools/offer.ts";
import type { HttpEnv } from "../context.ts";
import { answerCalls, type Endpoint, type EndpointDeps, type Ordered } from "../endpoint.ts";
import { JSON_LINES } from "../event-stream.ts";
import { addPreset, type OpenPreset } from "../preset.ts";

type Order = Ordered & { readonly generation: Generation; readonly labels: ToolOffer["labels"] };

/** `POST /api/chat`, whole and streamed. */
export function ollamaChat(deps: EndpointDeps): Handler<HttpEnv> {
  return answerOllama("chat", decodeOllamaChat, deps);
}

/** `POST /api/generate`, whole and streamed. */
export function ollamaGenerate(deps: EndpointDeps): Handler<HttpEnv> {
  return answerOllama("generate", decodeOllamaGenerate, deps);
}

function answerOllama(
  form: OllamaForm,
  decode: (body: unknown) => OllamaRequest,
  deps: EndpointDeps,
): Handler<HttpEnv> {
  const endpoint: Endpoint<OllamaRequest, Order> = {
    conversation: "messages",
    framing: JSON_LINES,
    decode,
    order(request, use) {
      const wish = addPreset(use, request.wish);
      const { generation, offer } = complete(request, wish);
      const sampling = { ...generation.sampling, ...unsaid(generation) };
      const places = { format: "format", tools: offer.places };
      return { generation: { ...generation, sampling }, wish, places, dropped: offer.dropped, labels: offer.labels };
    },
    begin({ c, request, order, use, model }) {
      const stopwatch = createStopwatch();
      const answer: OllamaAnswer = {
        form,
        model: use === undefined ? (request.model ?? model.id) : `${PRESET_PREFIX}${use.preset.id}`,
        labels: order.labels,
        stopwatch,
        now: deps.now,
      };
      if (request.isLoad) {
        return { choices: 0, generate: nothing, respond: () => load(c, model, answer) };
      }
      timeLoading(model, stopwatch);
      return {
        choices: 1,
        generate: (sent) => deps.generate({ ...sent, observe: (news) => noteTurn(news, sent, stopwatch) }),
        whole: (events, tally) => encodeOllama(answer, events, tally),
        encoder: (tally) => createOllamaEncoder(answer, tally),
      };
    },
  };
  return answerCalls(endpoint, { ...deps, openPreset: opener(deps.openPreset) });
}

/** A request without a conversation is no fault here: it asks for the model. And `/api/generate` has its conversation elsewhere. */
function opener(openPreset: OpenPreset): OpenPreset {
  return (c, body, conversation) => {
    if (typeof body !== "object" || body === null || Array.isArray(body)) return { body, use: undefined };
    const { body: opened, use } = openPreset(
      c,
      { ...body, [conversation]: [{ role: "user", content: "" }] },
      conversation,
    );
    return { body: use === undefined ? body : { ...body, model: Object(opened).model }, use };
  };
}

/** What of Ollama's defaults holds where neither the client nor a preset says another. */
function unsaid({ sampling, said }: Generation): typeof OLLAMA_SAMPLING {
  const isSaid = (name: string) => said !== undefined && Object.hasOwn(said.sampling, name);
  // The most likely token alone is drawn, whatever else holds.
  if (sampling.temperature === 0) return {};
  return Object.fromEntries(Object.entries(OLLAMA_SAMPLING).filter(([name]) => !isSaid(name)));
}

async function* nothing(): AsyncGenerator<never> {}

async function load(c: Context<HttpEnv>, model: Backend, answer: OllamaAnswer): Promise<Response> {
  await model.load?.();
  return c.json(encodeLoaded(answer));
}

function noteTurn(news: News, { observe }: Pick<GenerationRequest, "observe">, stopwatch: Stopwatch): void {
  if (news.type === "admitted") stopwatch.admitted();
  observe?.(news);
}

/** Tells the stopwatch when the model is ready, where it is not. */
function timeLoading(model: Backend, stopwatch: Stopwatch): void {
  if (model.state() === "ready") return;
  const stop = model.onStateChange?.((state) => {
    if (state === "loading" || state === "restarting") return;
    if (state === "ready") stopwatch.loaded();
    stop?.();
  });
}
