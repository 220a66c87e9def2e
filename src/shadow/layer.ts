import { hash } from "node:crypto";
import type { Work } from "../generation/cost.ts";
import type { GenerationEvent } from "../generation/event.ts";
import type { Generate, Layer } from "../generation/layer.ts";
import { type News, targetOf } from "../generation/news.ts";
import type { GenerationRequest, Prompt } from "../generation/request.ts";
import { OWN_TERMS } from "../generation/terms.ts";
import { createTokenCount } from "../generation/token-count.ts";
import { createListener, type Said } from "./said.ts";

/** A request that another server has answered, to be answered here too. */
export type Sample = {
  readonly request: GenerationRequest;
  readonly prompt: Extract<Prompt, { type: "chat" }>;
  /** The upstream's model that has answered. */
  readonly model: string;
  readonly theirs: Said;
  /** What that has cost, in US dollars; undefined if unknown. */
  readonly money: number | undefined;
};

/** Why a sampled call is not compared. */
export type Omission = "cut" | "unreadable" | "key" | "full" | "unloaded" | "disturbed" | "failed";

/** Counts a sampled call that is not compared. */
export type LeaveOut = (reason: Omission, request: GenerationRequest) => void;

export type SamplingOptions = {
  /** The share of requests that is taken, from 0 to 1. */
  readonly share: number;
  /** Whether a model is of another server. */
  readonly isElsewhere: (model: string) => boolean;
  /** Whether the tenant's requests may be answered by the local model. */
  readonly mayAnswer: (tenant: string) => boolean;
  /** In US dollars; undefined if unknown. */
  readonly costOf: (model: string, work: Work) => number | undefined;
  readonly take: (sample: Sample) => void;
  readonly leaveOut: LeaveOut;
};

/** Takes a share of what goes to other servers. Requests that it doesn't take pass it unchanged. */
export function sampleRequests(options: SamplingOptions): Layer {
  return (request, next) => {
    const prompt = comparable(request);
    const isTaken = prompt !== undefined && isInShare(request.id, options.share);
    return isTaken ? follow(request, prompt, next, options) : next(request);
  };
}

/** The same for each request with this id. */
function isInShare(id: string, share: number): boolean {
  return Number.parseInt(hash("sha1", id, "hex").slice(0, 12), 16) / 2 ** 48 < share;
}

/** The conversation of a request whose answer here could be compared; undefined for others. */
function comparable(request: GenerationRequest): Sample["prompt"] | undefined {
  const { prompt, choices, terms = OWN_TERMS, verbatim, promptLogprobs, repeat } = request;
  if (terms.localOnly === true || terms.isWarmUp === true || prompt.type !== "chat" || choices !== 1) return undefined;
  if (promptLogprobs !== undefined || repeat !== undefined || prompt.continueFinal === true) return undefined;
  if (prompt.messages.some(({ parts }) => parts?.some(({ type }) => type === "image"))) return undefined;
  return verbatim === undefined || isPlain(verbatim.body) ? prompt : undefined;
}

/** Whether a request that is passed on says nothing but texts, so that its texts tell all of it. */
function isPlain({ messages, system, tools, functions, response_format: format }: Readonly<Record<string, unknown>>) {
  const isText = (content: unknown) =>
    content == null ||
    typeof content === "string" ||
    (Array.isArray(content) && content.every((part) => Object(part).type === "text"));
  const all = Array.isArray(messages) ? messages : [];
  return (
    tools == null &&
    functions == null &&
    (format == null || Object(format).type === "text") &&
    isText(system) &&
    all.every((message) => Object(message).role !== "tool" && isText(Object(message).content))
  );
}

function follow(
  request: GenerationRequest,
  prompt: Sample["prompt"],
  next: Generate,
  { isElsewhere, mayAnswer, costOf, take, leaveOut }: SamplingOptions,
): AsyncIterable<GenerationEvent> {
  return {
    [Symbol.asyncIterator]() {
      const listener = createListener();
      const count = createTokenCount();
      let model = request.model;
      let isStored = false;
      const observe = (news: News) => {
        if (news.type === "routed") model = targetOf(news) ?? model;
        count.noteNews(news);
        request.observe?.(news);
      };
      const source = next({ ...request, observe })[Symbol.asyncIterator]();

      function pass(result: IteratorResult<GenerationEvent>): IteratorResult<GenerationEvent> {
        if (result.done === true) end();
        else {
          if (result.value.type === "started") isStored ||= result.value.isReplay ?? false;
          listener.note(result.value);
          count.note(result.value);
        }
        return result;
      }

      function end(): void {
        const theirs = listener.said();
        const [work] = count.works();
        const { tenant } = request.terms ?? OWN_TERMS;
        if (isStored || !isElsewhere(model)) return;
        if (!mayAnswer(tenant)) leaveOut("key", request);
        else if (theirs === undefined || work === undefined) {
          const isCut = theirs === undefined && listener.said("fine") !== undefined;
          leaveOut(isCut ? "cut" : "unreadable", request);
        } else take({ request, prompt, model, theirs, money: costOf(model, work.work) });
      }

      return {
        next: () => source.next().then(pass),
        return: async () => (await source.return?.()) ?? { done: true, value: undefined },
      };
    },
  };
}
