import type { FinishReason, GenerationEvent, PromptLogprob, SampledLogprob } from "../../generation/event.ts";
import { encodeUsage } from "../openai-answer.ts";
import { encodePromptLogprobs } from "../prompt-logprobs.ts";
import type { Tally } from "../tally.ts";
import { createInputReader } from "../tools/input-reader.ts";
import { type Answer, encodeReason, labelOf } from "./answer.ts";
import { encodeLogprobs } from "./encode-logprobs.ts";

/** A choice that is being generated. */
type Draft = {
  text: string;
  reasoning: string;
  refusal: string;
  readonly calls: { readonly id: string; readonly name: string; arguments: string }[];
  logprobs: SampledLogprob[] | undefined;
  reason: FinishReason;
};

/** Reads all `events` and returns the `chat.completion` object. Rethrows their errors, and throws if a choice has not finished. */
export async function encodeCompletion(answer: Answer, events: AsyncIterable<GenerationEvent>, tally: Tally) {
  const drafts = Array.from({ length: answer.choices }, (): Draft => {
    return { text: "", reasoning: "", refusal: "", calls: [], logprobs: undefined, reason: "stop" };
  });
  let promptLogprobs: PromptLogprob[] | undefined;
  for await (const event of events) {
    tally.note(event);
    if (event.type === "prompt") promptLogprobs = [...(promptLogprobs ?? []), ...event.logprobs];
    const draft = "choice" in event ? drafts[event.choice] : undefined;
    if (draft !== undefined) take(draft, event);
  }
  tally.assertComplete();

  return {
    id: answer.id,
    object: "chat.completion",
    created: answer.createdUnixSeconds,
    model: answer.model,
    choices: drafts.map((draft, index) => ({
      index,
      message: encodeMessage(draft, answer),
      logprobs: draft.logprobs === undefined ? null : encodeLogprobs(draft.logprobs),
      finish_reason: encodeReason(draft.reason, answer),
    })),
    usage: encodeUsage(tally.counts(), tally.cost()),
    ...(promptLogprobs && { prompt_logprobs: encodePromptLogprobs(promptLogprobs) }),
    service_tier: answer.serviceTier,
    system_fingerprint: answer.systemFingerprint,
  };
}

function take(draft: Draft, event: GenerationEvent): void {
  switch (event.type) {
    case "started":
    case "usage":
    case "prompt":
      return;
    case "text":
      draft.text += event.text;
      if (event.logprobs !== undefined) draft.logprobs = [...(draft.logprobs ?? []), ...event.logprobs];
      return;
    case "reasoning":
      draft.reasoning += event.text;
      return;
    case "refusal":
      draft.refusal += event.text;
      return;
    case "toolCall":
      draft.calls[event.index] = { id: event.id, name: event.name, arguments: "" };
      return;
    case "toolArguments": {
      const call = draft.calls[event.index];
      if (call !== undefined) call.arguments += event.text;
      return;
    }
    case "finished":
      draft.reason = event.reason;
  }
}

function encodeMessage({ text, reasoning, refusal, calls }: Draft, answer: Answer) {
  const { tellsFunctionCall } = answer;
  const [first] = calls;
  return {
    role: "assistant",
    content: text === "" && (first !== undefined || refusal !== "") ? null : text,
    refusal: refusal === "" ? null : refusal,
    annotations: [],
    ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
    ...(first === undefined
      ? {}
      : tellsFunctionCall
        ? { function_call: { name: first.name, arguments: first.arguments } }
        : { tool_calls: calls.map((call) => encodeCall(call, answer)) }),
  };
}

function encodeCall({ id, name, arguments: json }: Draft["calls"][number], answer: Answer) {
  const label = labelOf(name, answer);
  if (label.type === "function") return { id, type: label.type, function: { name: label.name, arguments: json } };
  return { id, type: label.type, custom: { name: label.name, input: createInputReader().push(json) } };
}
