import { z } from "zod";
import { UnsupportedFieldError, UpstreamError } from "../generation/errors.ts";
import type { SampledLogprob } from "../generation/event.ts";
import type { GenerationRequest, Message, OutputFormat } from "../generation/request.ts";
import type { Api, Reader, Target } from "./api.ts";
import { failureOf, type Source } from "./failures.ts";
import { ollamaContent } from "./images.ts";
import type { UpstreamMessage } from "./messages.ts";
import { offered, parametersOf, refuse, writeSampling } from "./said.ts";
import { createScribe } from "./scribe.ts";

/** Ollama's own API, which knows more than its imitation of OpenAI's. */
export const ollamaApi: Api = {
  hasChoices: false,
  write(request, target) {
    refuse(request, [
      ...(["promptLogprobs", "infill", "tokens"] as const),
      ...(["stopTokenIds", "showsStop", "showControlTokens", "withoutLead"] as const),
    ]);
    const { prompt } = request;
    const common = writeCommon(request, target);
    return prompt.type === "chat"
      ? { path: "/chat", body: { ...common, ...writeChat(prompt.messages, request) } }
      : { path: "/generate", body: { ...common, raw: true, prompt: prompt.type === "text" ? prompt.text : "" } };
  },
  read: createReader,
  writeEmbedding: (items, { model }) => ({
    path: "/embed",
    body: { model, input: items.map((item) => (item.type === "text" ? item.text : "")) },
  }),
  readEmbedding(data) {
    const { embeddings, prompt_eval_count: tokens } = embeddingSchema.parse(data);
    return { vectors: embeddings, tokens };
  },
};

function writeCommon(request: GenerationRequest, { kind, model, contextTokens }: Target): object {
  const { maxTokens, stop, output, logprobs } = request;
  const options = {
    ...writeSampling(request, kind.words.sampling),
    ...(maxTokens !== undefined && { num_predict: maxTokens }),
    ...(stop.length > 0 && { stop }),
    ...(contextTokens !== undefined && { num_ctx: contextTokens }),
  };
  return {
    model,
    stream: true,
    ...(Object.keys(options).length > 0 && { options }),
    ...(output !== undefined && { format: writeFormat(output, request) }),
    ...(logprobs !== undefined && { logprobs: true, top_logprobs: logprobs }),
  };
}

function writeChat(messages: readonly Message[], request: GenerationRequest): object {
  const names = new Map(messages.flatMap(({ toolCalls = [] }) => toolCalls.map(({ id, name }) => [id, name] as const)));
  return {
    messages: messages.map((message) => writeMessage(message, names, request.model)),
    ...writeTools(request),
    ...writeThinking(request),
  };
}

function writeMessage(message: Message, names: ReadonlyMap<string, string>, model: string): object {
  const { role, toolCalls = [], toolCallId = "", reasoning } = message;
  const toolName = names.get(toolCallId);
  return {
    role,
    ...ollamaContent(message, model),
    ...(reasoning !== undefined && { thinking: reasoning }),
    ...(toolCalls.length > 0 && {
      tool_calls: toolCalls.map(({ name, arguments: text }) => ({
        function: { name, arguments: readArguments(text) },
      })),
    }),
    ...(toolName !== undefined && { tool_name: toolName }),
  };
}

function readArguments(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** Its models are not told that they must or must not call, so that is refused or left to them by what they are offered. */
function writeTools(request: GenerationRequest): object {
  const offer = offered(request);
  if (offer === undefined || offer.choice === "none") return {};
  if (offer.choice === "required") throw new UnsupportedFieldError(request.model, "tool_choice");
  return {
    tools: offer.tools.map((tool) => ({
      type: "function",
      function: { name: tool.name, description: tool.description ?? "", parameters: parametersOf(tool) },
    })),
  };
}

function writeThinking({ prompt }: GenerationRequest): object {
  const { enable_thinking: wanted, reasoning_effort: effort } =
    prompt.type === "chat" ? (prompt.templateArguments ?? {}) : {};
  if (typeof effort === "string") return { think: effort };
  return typeof wanted === "boolean" ? { think: wanted } : {};
}

function writeFormat(output: OutputFormat, { model }: GenerationRequest): unknown {
  if (output.type === "json") return "json";
  if (output.type === "schema") return output.schema;
  throw new UnsupportedFieldError(model, output.type === "regex" ? "regex" : "grammar");
}

const text = z.string().nullish();

const logprobSchema = z.object({
  token: z.string(),
  logprob: z.number(),
  bytes: z.array(z.int().min(0).max(255)).nullish().catch(undefined),
});

const lineSchema = z.object({
  error: z.unknown().optional(),
  message: z
    .object({
      content: text,
      thinking: text,
      tool_calls: z
        .array(
          z.object({
            id: text,
            function: z.object({ index: z.int().optional(), name: z.string(), arguments: z.unknown().optional() }),
          }),
        )
        .nullish(),
    })
    .nullish(),
  response: text,
  thinking: text,
  logprobs: z
    .array(logprobSchema.extend({ top_logprobs: z.array(logprobSchema).nullish() }))
    .nullish()
    .catch(undefined),
  done: z.boolean().optional(),
  done_reason: text,
  prompt_eval_count: z.number().nullish().catch(undefined),
  eval_count: z.number().nullish().catch(undefined),
});

const embeddingSchema = z.object({
  embeddings: z.array(z.array(z.number())),
  prompt_eval_count: z.int().min(0).catch(0),
});

function createReader(request: GenerationRequest, source: Source): Reader {
  const scribe = createScribe(request);
  let isDone = false;
  let calls = 0;

  function note(data: unknown): void {
    const line = lineSchema.parse(data);
    if (line.error != null) throw new UpstreamError(failureOf(source, undefined, data));
    scribe.reasoning(0, line.message?.thinking ?? line.thinking ?? "");
    const scores = request.logprobs === undefined ? undefined : readLogprobs(line.logprobs);
    scribe.text(0, line.message?.content ?? line.response ?? "", scores);
    for (const { id, function: called } of line.message?.tool_calls ?? []) {
      // Each comes whole.
      const given = typeof called.arguments === "string" ? called.arguments : JSON.stringify(called.arguments ?? {});
      scribe.call(0, { place: calls++, id: id ?? undefined, name: called.name, arguments: given });
    }
    if (line.done !== true) return;
    isDone = true;
    scribe.finish(0, line.done_reason === "length" ? "length" : "stop");
    if (line.eval_count != null) {
      // It leaves out a prompt that it held already.
      const promptTokens = line.prompt_eval_count ?? 0;
      scribe.usage({ promptTokens, cachedTokens: 0, completionTokens: line.eval_count });
    }
  }

  return {
    note({ data }: UpstreamMessage) {
      note(data);
      return scribe.take();
    },
    isComplete: () => isDone || scribe.isFull(),
    isLast: () => isDone || scribe.isFull(),
    skip: scribe.skip,
    told: scribe.told,
    end: scribe.end,
  };
}

function readLogprobs(logprobs: z.infer<typeof lineSchema>["logprobs"]): readonly SampledLogprob[] | undefined {
  if (logprobs == null || logprobs.length === 0) return undefined;
  return logprobs.map((token) => ({ ...toLogprob(token), top: (token.top_logprobs ?? []).map(toLogprob) }));
}

function toLogprob({ token, logprob, bytes }: z.infer<typeof logprobSchema>) {
  return { bytes: bytes ?? [...Buffer.from(token)], logprob };
}
