import { z } from "zod";
import { UnsupportedFieldError, UpstreamError } from "../generation/errors.ts";
import type { FinishReason, SampledLogprob, Usage } from "../generation/event.ts";
import type { GenerationRequest, Message, OutputFormat } from "../generation/request.ts";
import type { Api, Reader, Target } from "./api.ts";
import { failureOf, type Source } from "./failures.ts";
import { openAiContent, openAiImagesOf } from "./images.ts";
import type { Kind } from "./kinds.ts";
import { DONE, type UpstreamMessage } from "./messages.ts";
import { offered, outputName, parametersOf, refuse, writeSampling } from "./said.ts";
import { createScribe } from "./scribe.ts";

/** OpenAI's chat completions, completions and embeddings. */
export const openAiApi: Api = {
  hasChoices: true,
  write(request, target) {
    refuse(request, ["promptLogprobs", "infill"]);
    if (!target.kind.words.hasTokenFields)
      refuse(request, ["stopTokenIds", "showsStop", "showControlTokens", "withoutLead"]);
    if (target.kind.words.continues === undefined) refuse(request, ["continueFinal"]);
    if (request.prompt.type === "chat") return { path: "/chat/completions", body: writeChat(request, target) };
    if (!target.kind.can.completions) refuse(request, ["prompt"]);
    return { path: "/completions", body: writeCompletion(request, target) };
  },
  read: createReader,
  writeEmbedding: (items, { model }) => ({
    path: "/embeddings",
    body: {
      model,
      input: items.map((item) => (item.type === "tokens" ? item.tokens : item.type === "text" ? item.text : "")),
      encoding_format: "float",
    },
  }),
  countEmbedded: (data) => embeddedSchema.parse(data).usage?.prompt_tokens ?? 0,
  readEmbedding(data) {
    const { data: entries, usage } = embeddingSchema.parse(data);
    const sorted = entries.toSorted((a, b) => a.index - b.index);
    return { vectors: sorted.map(({ embedding }) => embedding), tokens: usage?.prompt_tokens ?? 0 };
  },
};

function writeCommon(request: GenerationRequest, { kind: { words }, model, session }: Target): Record<string, unknown> {
  const { choices, maxTokens, stop, stopTokenIds = [], showsStop, showControlTokens } = request;
  return {
    model,
    stream: true,
    stream_options: { include_usage: true },
    ...writeSampling(request, words.sampling),
    ...(choices > 1 && { n: choices }),
    ...(stop.length > 0 && { stop }),
    ...(stopTokenIds.length > 0 && { stop_token_ids: stopTokenIds }),
    ...(showsStop === true && { include_stop_str_in_output: true }),
    ...(showControlTokens === true && { skip_special_tokens: false }),
    ...(maxTokens !== undefined && { [request.prompt.type === "chat" ? words.maxTokens : "max_tokens"]: maxTokens }),
    ...(words.hasCacheKey && session !== undefined && { prompt_cache_key: session }),
  };
}

function writeCompletion(request: GenerationRequest, target: Target): object {
  const { prompt, logprobs, output } = request;
  return {
    ...writeCommon(request, target),
    prompt: prompt.type === "tokens" ? prompt.tokens : prompt.type === "text" ? prompt.text : "",
    ...(logprobs !== undefined && { logprobs }),
    ...(output !== undefined && writeOutput(output, request, target.kind)),
  };
}

function writeChat(request: GenerationRequest, target: Target): object {
  const { prompt, logprobs, output } = request;
  if (prompt.type !== "chat") return {};
  const { words } = target.kind;
  return {
    ...writeCommon(request, target),
    messages: writeMessages(prompt.messages, words.reasoning),
    ...writeTools(request),
    ...(output !== undefined && writeOutput(output, request, target.kind)),
    ...(logprobs !== undefined && { logprobs: true, ...(logprobs > 0 && { top_logprobs: logprobs }) }),
    ...writeThinking(prompt.templateArguments ?? {}, words),
    ...(prompt.continueFinal === true &&
      words.continues === "field" && { continue_final_message: true, add_generation_prompt: false }),
    ...(prompt.withoutLead === true && { add_generation_prompt: false }),
  };
}

function writeThinking(given: Readonly<Record<string, unknown>>, { hasTemplateArguments }: Kind["words"]): object {
  const { reasoning_effort: effort } = given;
  return {
    ...(hasTemplateArguments && Object.keys(given).length > 0 && { chat_template_kwargs: given }),
    ...(typeof effort === "string" && { reasoning_effort: effort }),
  };
}

/** The images of the results of calls follow the last of these results. */
function writeMessages(messages: readonly Message[], field: Kind["words"]["reasoning"]): readonly object[] {
  let results: Message[] = [];
  return messages.flatMap((message, index) => {
    const written = writeMessage(message, field);
    if (message.role !== "tool") return [written];
    results.push(message);
    if (messages[index + 1]?.role === "tool") return [written];
    const images = openAiImagesOf(results);
    results = [];
    return images === undefined ? [written] : [written, images];
  });
}

function writeMessage(message: Message, field: Kind["words"]["reasoning"]): object {
  const { role, name, toolCalls = [], toolCallId, reasoning } = message;
  const content = role === "tool" ? message.content : openAiContent(message);
  return {
    role,
    content: content === "" && toolCalls.length > 0 ? null : content,
    ...(name !== undefined && { name }),
    ...(reasoning !== undefined && field !== undefined && { [field]: reasoning }),
    ...(toolCalls.length > 0 && {
      tool_calls: toolCalls.map((call) => ({
        ...{ id: call.id, type: "function" },
        function: { name: call.name, arguments: call.arguments },
      })),
    }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
  };
}

function writeTools(request: GenerationRequest): object {
  const offer = offered(request);
  if (offer === undefined) return {};
  const { tools, choice, only, parallel } = offer;
  return {
    tools: tools.map((tool) => ({
      type: "function",
      function: {
        name: tool.name,
        ...(tool.description !== undefined && { description: tool.description }),
        parameters: parametersOf(tool),
        ...(tool.strict !== undefined && { strict: tool.strict }),
      },
    })),
    tool_choice: only === undefined ? choice : { type: "function", function: { name: only } },
    ...(!parallel && { parallel_tool_calls: false }),
  };
}

function writeOutput(output: OutputFormat, request: GenerationRequest, { words }: Kind): object {
  switch (output.type) {
    case "json":
      return { response_format: { type: "json_object" } };
    case "schema": {
      const { schema, strict } = output;
      const named = { ...outputName(request), schema, ...(strict !== undefined && { strict }) };
      return { response_format: { type: "json_schema", json_schema: named } };
    }
    case "regex":
      if (words.regex === undefined) throw new UnsupportedFieldError(request.model, "regex");
      return words.regex(output.pattern);
    case "grammar":
      if (words.grammar === undefined) throw new UnsupportedFieldError(request.model, "grammar");
      return words.grammar(output.grammar.gbnf);
  }
}

const text = z.string().nullish().catch(undefined);
const count = z.number().catch(0);

const logprobSchema = z.object({
  token: z.string(),
  logprob: z.number(),
  bytes: z.array(z.int().min(0).max(255)).nullish().catch(undefined),
});

const callSchema = z.object({
  index: z.int().optional().catch(undefined),
  id: text,
  function: z
    .object({ name: text, arguments: z.union([z.string(), z.record(z.string(), z.unknown().optional())]).nullish() })
    .nullish(),
});

/** A message, whole or in pieces. */
const partSchema = z.object({
  content: z.union([z.string(), z.array(z.object({ text: z.string().optional() }))]).nullish(),
  reasoning_content: text,
  reasoning: text,
  refusal: text,
  tool_calls: z.array(callSchema).nullish(),
  function_call: z.object({ name: text, arguments: text }).nullish(),
});

const choiceSchema = z.object({
  index: z.int().catch(0),
  delta: partSchema.nullish(),
  message: partSchema.nullish(),
  text,
  logprobs: z
    .object({
      content: z.array(logprobSchema.extend({ top_logprobs: z.array(logprobSchema).nullish() })).nullish(),
      tokens: z.array(z.string()).nullish(),
      token_logprobs: z.array(z.number().nullable()).nullish(),
      top_logprobs: z.array(z.record(z.string(), z.number()).nullable()).nullish(),
    })
    .nullish()
    .catch(undefined),
  finish_reason: text,
  stop_reason: z.unknown().optional(),
});

const chunkSchema = z.object({
  choices: z.array(choiceSchema).nullish(),
  usage: z
    .object({
      prompt_tokens: count,
      completion_tokens: count,
      // OpenRouter's and Sluice's.
      cost: z.number().min(0).max(1_000_000).optional().catch(undefined),
      prompt_tokens_details: z.object({ cached_tokens: count }).nullish().catch(undefined),
      completion_tokens_details: z.object({ reasoning_tokens: z.number().optional() }).nullish().catch(undefined),
    })
    .nullish()
    .catch(undefined),
});

const embeddedSchema = z.object({
  data: z.array(z.unknown()),
  usage: z.object({ prompt_tokens: z.int().min(0).catch(0) }).nullish(),
});

const embeddingSchema = embeddedSchema.extend({
  data: z.array(z.object({ index: z.int(), embedding: z.array(z.number()) })),
});

const REASONS: Readonly<Record<string, FinishReason>> = {
  length: "length",
  tool_calls: "tool_calls",
  function_call: "tool_calls",
  content_filter: "content_filter",
};

function createReader(request: GenerationRequest, source: Source): Reader {
  const scribe = createScribe(request);
  let isDone = false;

  function note({ data, event }: UpstreamMessage): void {
    if (data === DONE) {
      isDone = true;
      return;
    }
    if (event === "error" || (typeof data === "object" && data !== null && "error" in data && data.error != null)) {
      throw new UpstreamError(failureOf(source, undefined, data));
    }
    const { choices, usage } = chunkSchema.parse(data);
    for (const choice of choices ?? []) noteChoice(choice);
    if (usage != null) scribe.usage(usageOf(usage));
  }

  function noteChoice({
    index,
    delta,
    message,
    text: plain,
    logprobs,
    finish_reason,
    stop_reason,
  }: z.infer<typeof choiceSchema>) {
    const part = delta ?? message;
    scribe.reasoning(index, part?.reasoning_content ?? part?.reasoning ?? "");
    const scores = request.logprobs === undefined ? undefined : readLogprobs(logprobs);
    scribe.text(index, contentOf(part?.content) ?? plain ?? "", scores);
    scribe.refusal(index, part?.refusal ?? "");
    for (const { index: place, id, function: called } of part?.tool_calls ?? []) {
      const given = called?.arguments;
      scribe.call(index, {
        place,
        id: id ?? undefined,
        name: called?.name ?? undefined,
        arguments: typeof given === "object" && given !== null ? JSON.stringify(given) : (given ?? undefined),
      });
    }
    const old = part?.function_call;
    if (old != null)
      scribe.call(index, { place: 0, name: old.name ?? undefined, arguments: old.arguments ?? undefined });
    if (finish_reason != null && finish_reason !== "") {
      scribe.finish(index, REASONS[finish_reason] ?? "stop", stopOf(stop_reason, request.stop));
    }
    if (message != null) isDone = true;
  }

  return {
    note(message) {
      note(message);
      return scribe.take();
    },
    isComplete: () => isDone || scribe.isFinished() || scribe.isFull(),
    isLast: () => isDone || scribe.isFull(),
    skip: scribe.skip,
    told: scribe.told,
    end: scribe.end,
  };
}

function contentOf(content: z.infer<typeof partSchema>["content"]): string | undefined {
  return Array.isArray(content) ? content.map((piece) => piece.text ?? "").join("") : (content ?? undefined);
}

/** vLLM tells which stop string it was. */
function stopOf(reason: unknown, stops: readonly string[]): string | undefined {
  return typeof reason === "string" && stops.includes(reason) ? reason : undefined;
}

type WireLogprobs = z.infer<typeof choiceSchema>["logprobs"];

function readLogprobs(logprobs: WireLogprobs): readonly SampledLogprob[] | undefined {
  const { content, tokens, token_logprobs: scores, top_logprobs: tops } = logprobs ?? {};
  if (content != null && content.length > 0) {
    return content.map((token) => ({ ...toLogprob(token), top: (token.top_logprobs ?? []).map(toLogprob) }));
  }
  if (tokens == null || tokens.length === 0) return undefined;
  return tokens.map((token, index) => ({
    ...toLogprob({ token, logprob: scores?.[index] ?? 0 }),
    top: Object.entries(tops?.[index] ?? {}).map(([other, logprob]) => toLogprob({ token: other, logprob })),
  }));
}

function toLogprob({ token, logprob, bytes }: z.infer<typeof logprobSchema>) {
  return { bytes: bytes ?? [...Buffer.from(token)], logprob };
}

function usageOf(usage: NonNullable<z.infer<typeof chunkSchema>["usage"]>): Usage {
  const reasoningTokens = usage.completion_tokens_details?.reasoning_tokens;
  return {
    promptTokens: usage.prompt_tokens,
    cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
    completionTokens: usage.completion_tokens,
    ...(reasoningTokens !== undefined && { reasoningTokens }),
    ...(usage.cost !== undefined && { cost: usage.cost }),
  };
}
