import { z } from "zod";
import { UnsupportedFieldError, UpstreamError } from "../generation/errors.ts";
import type { FinishReason, Usage } from "../generation/event.ts";
import type { GenerationRequest, Message } from "../generation/request.ts";
import type { Api, Reader, Target } from "./api.ts";
import { failureOf, type Source } from "./failures.ts";
import { anthropicContent } from "./images.ts";
import type { UpstreamMessage } from "./messages.ts";
import { type Offer, offered, parametersOf, refuse, writeSampling } from "./said.ts";
import { createScribe } from "./scribe.ts";

/** The API wants a bound on the answer; this one fits all of its models. */
const USUAL_MAX_TOKENS = 8_192;
const MIN_THINKING_TOKENS = 1_024;
/** Tokens to think for, by the effort. */
const BUDGETS: Readonly<Record<string, number>> = { low: 1_024, medium: 4_096, high: 16_384 };

/** Anthropic's messages. */
export const anthropicApi: Api = {
  hasChoices: false,
  write(request, target) {
    refuse(request, [
      ...(["promptLogprobs", "infill", "prompt"] as const),
      ...(["stopTokenIds", "showsStop", "showControlTokens", "withoutLead"] as const),
    ]);
    return { path: "/messages", body: writeMessages(request, target) };
  },
  read: createReader,
};

function writeMessages(request: GenerationRequest, { kind, model, contextTokens }: Target): object {
  const { prompt, stop, maxTokens } = request;
  if (prompt.type !== "chat") return {};
  const system = prompt.messages.filter(({ role }) => role === "system").map(({ content }) => content);
  const turns = prompt.messages.filter(({ role }) => role !== "system");
  const most = maxTokens ?? Math.min(USUAL_MAX_TOKENS, contextTokens ?? USUAL_MAX_TOKENS);
  const offer = offered(request);
  return {
    model,
    stream: true,
    max_tokens: most,
    ...(system.length > 0 && { system: system.join("\n\n") }),
    messages: joinTurns(turns),
    ...writeSampling(request, kind.words.sampling),
    ...(stop.length > 0 && { stop_sequences: stop }),
    ...(offer !== undefined && writeTools(offer)),
    ...writeOutput(request),
    ...writeThinking(prompt.templateArguments ?? {}, most, turns),
  };
}

type Turn = { role: "user" | "assistant"; content: object[] };

/** The results of one turn's calls must stand in one message. */
function joinTurns(messages: readonly Message[]): readonly Turn[] {
  const turns: Turn[] = [];
  for (const message of messages) {
    const role = message.role === "assistant" ? "assistant" : "user";
    const content = blocksOf(message);
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...content);
    else if (content.length > 0) turns.push({ role, content });
  }
  return turns;
}

function blocksOf(message: Message): object[] {
  const { role, content, parts, toolCalls = [], toolCallId } = message;
  if (role === "tool") {
    const result = parts === undefined ? content : anthropicContent(message);
    return [{ type: "tool_result", tool_use_id: toolCallId ?? "", ...(content !== "" && { content: result }) }];
  }
  return [
    ...anthropicContent(message),
    ...toolCalls.map(({ id, name, arguments: text }) => ({ type: "tool_use", id, name, input: readArguments(text) })),
  ];
}

function readArguments(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

function writeTools({ tools, choice, only, parallel }: Offer): object {
  const single = parallel || choice === "none" ? {} : { disable_parallel_tool_use: true };
  const types = { none: "none", auto: "auto", required: "any" } as const;
  return {
    tools: tools.map((tool) => ({
      name: tool.name,
      ...(tool.description !== undefined && { description: tool.description }),
      input_schema: parametersOf(tool),
    })),
    tool_choice: only === undefined ? { type: types[choice], ...single } : { type: "tool", name: only, ...single },
  };
}

function writeOutput({ output, model }: GenerationRequest): object {
  if (output === undefined) return {};
  if (output.type !== "schema")
    throw new UnsupportedFieldError(model, "response_format", `of the type '${output.type}' is not supported`);
  return { output_config: { format: { type: "json_schema", schema: output.schema } } };
}

/**
 * Thinking as it was asked for. A turn that goes on after calls must begin with the thinking before them, signed, which is not kept: then there is
 * none.
 */
function writeThinking(given: Readonly<Record<string, unknown>>, most: number, turns: readonly Message[]): object {
  const { enable_thinking: wanted, thinking_budget: budget, reasoning_effort: effort } = given;
  if (wanted === false) return { thinking: { type: "disabled" } };
  if (wanted !== true || turns.at(-1)?.role === "tool" || most <= MIN_THINKING_TOKENS) return {};
  const asked =
    typeof budget === "number" ? budget : (BUDGETS[String(effort)] ?? BUDGETS.medium ?? MIN_THINKING_TOKENS);
  return {
    thinking: { type: "enabled", budget_tokens: Math.max(MIN_THINKING_TOKENS, Math.min(asked, Math.floor(most / 2))) },
  };
}

const count = z.number().nullish().catch(undefined);

const usageSchema = z
  .object({
    input_tokens: count,
    cache_read_input_tokens: count,
    cache_creation_input_tokens: count,
    output_tokens: count,
  })
  .nullish();

const text = z.string().nullish();

const blockSchema = z.object({
  type: z.string(),
  id: text,
  name: text,
  text,
  thinking: text,
  input: z.record(z.string(), z.unknown()).nullish(),
});

const eventSchema = z.object({
  type: z.string(),
  index: z.int().optional(),
  message: z
    .object({ content: z.array(blockSchema).nullish(), stop_reason: text, stop_sequence: text, usage: usageSchema })
    .nullish(),
  content_block: blockSchema.nullish(),
  delta: z
    .object({
      type: z.string().optional(),
      text,
      thinking: text,
      partial_json: text,
      stop_reason: text,
      stop_sequence: text,
    })
    .nullish(),
  usage: usageSchema,
  content: z.array(blockSchema).nullish(),
  stop_reason: text,
  stop_sequence: text,
});

const REASONS: Readonly<Record<string, FinishReason>> = {
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool_calls",
  refusal: "content_filter",
};

function createReader(request: GenerationRequest, source: Source): Reader {
  const scribe = createScribe(request);
  let isDone = false;
  const counted = { input: 0, read: 0, written: 0, output: 0, isTold: false };

  function noteUsage(usage: z.infer<typeof usageSchema>): void {
    if (usage == null) return;
    counted.input = usage.input_tokens ?? counted.input;
    counted.read = usage.cache_read_input_tokens ?? counted.read;
    counted.written = usage.cache_creation_input_tokens ?? counted.written;
    counted.output = usage.output_tokens ?? counted.output;
    counted.isTold = true;
  }

  function noteBlock(
    place: number,
    { type, id, name, text: said, thinking, input }: z.infer<typeof blockSchema>,
  ): void {
    if (type === "text") scribe.text(0, said ?? "");
    else if (type === "thinking") scribe.reasoning(0, thinking ?? "");
    else if (type === "tool_use") {
      const whole = input != null && Object.keys(input).length > 0 ? JSON.stringify(input) : undefined;
      scribe.call(0, { place, id: id ?? undefined, name: name ?? undefined, arguments: whole });
    }
  }

  function finish(reason: string | null | undefined, sequence: string | null | undefined): void {
    if (reason != null) scribe.finish(0, REASONS[reason] ?? "stop", sequence ?? undefined);
  }

  function note(data: unknown): void {
    const event = eventSchema.parse(data);
    switch (event.type) {
      case "error":
        throw new UpstreamError(failureOf(source, undefined, data));
      case "message_start":
        noteUsage(event.message?.usage);
        return;
      case "content_block_start":
        if (event.content_block != null) noteBlock(event.index ?? 0, event.content_block);
        return;
      case "content_block_delta":
        scribe.text(0, event.delta?.text ?? "");
        scribe.reasoning(0, event.delta?.thinking ?? "");
        if (event.delta?.partial_json != null)
          scribe.call(0, { place: event.index ?? 0, arguments: event.delta.partial_json });
        return;
      case "message_delta":
        noteUsage(event.usage);
        finish(event.delta?.stop_reason, event.delta?.stop_sequence);
        return;
      case "message_stop":
        isDone = true;
        return;
      // An answer that is not streamed.
      case "message":
        for (const [index, block] of (event.content ?? []).entries()) noteBlock(index, block);
        noteUsage(event.usage);
        finish(event.stop_reason, event.stop_sequence);
        isDone = true;
    }
  }

  function told(): Usage | undefined {
    const { input, read, written, output, isTold } = counted;
    return isTold ? { promptTokens: input + read + written, cachedTokens: read, completionTokens: output } : undefined;
  }

  return {
    note({ data }: UpstreamMessage) {
      note(data);
      return scribe.take();
    },
    isComplete: () => isDone || scribe.isFinished() || scribe.isFull(),
    isLast: () => isDone || scribe.isFull(),
    skip: scribe.skip,
    told,
    end() {
      const usage = told();
      if (usage !== undefined) scribe.usage(usage);
      return scribe.end();
    },
  };
}
