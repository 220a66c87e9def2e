import type { Context, Handler } from "hono";
import type { Backend, BackendState } from "../../generation/backend.ts";
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
import { addPreset } from "../preset.ts";
import { keptBy } from "../tenant.ts";

/** The states of a backend that isn't loaded. */
const GONE: readonly BackendState[] = ["unloaded", "unloading", "failed"];

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
    conversation: "optional",
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
        return { choices: 0, generate: nothing, respond: () => load(c, model, answer, request) };
      }
      timeLoading(model, stopwatch);
      return {
        choices: 1,
        generate: deps.generate,
        onNews({ type }) {
          if (type !== "admitted") return;
          stopwatch.admitted();
          if (request.keepAlive !== undefined) model.keepLoaded?.(request.keepAlive.ms, keptBy(c));
        },
        whole: (events, tally) => encodeOllama(answer, events, tally),
        encoder: (tally) => createOllamaEncoder(answer, tally),
      };
    },
  };
  return answerCalls(endpoint, deps);
}

/** Returns those of Ollama's defaults that neither the client nor a preset overrides. */
function unsaid({ sampling, said }: Generation): typeof OLLAMA_SAMPLING {
  const isSaid = (name: string) => said !== undefined && Object.hasOwn(said.sampling, name);
  // The most likely token is always chosen.
  if (sampling.temperature === 0) return {};
  return Object.fromEntries(Object.entries(OLLAMA_SAMPLING).filter(([name]) => !isSaid(name)));
}

async function* nothing(): AsyncGenerator<never> {}

async function load(
  c: Context<HttpEnv>,
  model: Backend,
  answer: OllamaAnswer,
  { keepAlive }: OllamaRequest,
): Promise<Response> {
  const isGoodbye = keepAlive?.ms === 0;
  if (!isGoodbye) await model.load?.();
  if (keepAlive !== undefined) model.keepLoaded?.(keepAlive.ms, keptBy(c));
  return c.json(encodeLoaded(answer, !isGoodbye || !GONE.includes(model.state())));
}

/** If the model isn't ready, tells the stopwatch when it is. */
function timeLoading(model: Backend, stopwatch: Stopwatch): void {
  if (model.state() === "ready") return;
  const stop = model.onStateChange?.((state) => {
    if (state === "loading" || state === "restarting") return;
    if (state === "ready") stopwatch.loaded();
    stop?.();
  });
}
