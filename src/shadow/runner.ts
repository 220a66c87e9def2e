import { randomUUID } from "node:crypto";
import { confidenceOf, createConfidenceMeter } from "../generation/confidence.ts";
import type { Embed } from "../generation/embedding.ts";
import type { Generate } from "../generation/layer.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { PLAIN_SAMPLING } from "../generation/sampling.ts";
import { OWN_TERMS, type Terms } from "../generation/terms.ts";
import { cosine, isSame } from "./compare.ts";
import type { LeaveOut, Omission, Sample } from "./layer.ts";
import { createListener, type Said } from "./said.ts";

/** How an answer here compares with that of another server. */
export type Comparison = {
  readonly sample: Sample;
  readonly ours: Said;
  readonly isStructured: boolean;
  readonly isSame: boolean;
  /** The cosine of both texts' vectors, if there is a model for vectors and they were not the same without it. */
  readonly similarity: number | undefined;
  /** How sure the local model was. */
  readonly mean: number | undefined;
  readonly least: number | undefined;
};

export type ShadowOptions = {
  /** The local model that answers. */
  readonly model: string;
  /** Answers without limits of keys, routes and the cache. */
  readonly generate: Generate;
  readonly embed: Embed;
  /** The model for vectors; undefined if texts are compared as they are. */
  readonly embedder: string | undefined;
  /** Texts whose vectors have at least this cosine count as the same. */
  readonly minSimilarity: number;
  /** The time in which the local model is loaded; undefined while it isn't. Nothing is loaded for a sample. */
  readonly stay: () => { readonly over: AbortSignal; readonly end: () => void } | undefined;
  /** Resolves once no request was running for `ms`. The result is aborted when the next request arrives. */
  readonly quiet: (ms: number, signal: AbortSignal) => Promise<AbortSignal>;
  readonly keep: (comparison: Comparison) => void;
  readonly leaveOut: LeaveOut;
  readonly log: { readonly warn: (details: object, message: string) => void };
};

/** Answers samples on this machine, while nobody else needs it. */
export type Shadow = {
  /** Drops the sample if too many wait: what is measured is a sample anyway. */
  readonly add: (sample: Sample) => void;
  /** Resolves when no sample waits any more. */
  readonly settled: () => Promise<void>;
  readonly stop: () => void;
};

/** Samples are held in memory until the gateway is idle. */
const MAX_WAITING = 256;
const MAX_WAITING_CHARACTERS = 4 * 1024 * 1024;

const QUIET_MS = 1_000;

/** A sample is given up after so many interruptions by clients' requests. */
const MAX_TRIES = 5;

const MIN_TOKENS = 64;

/** Runs only while the gateway is idle, ends when a request arrives, and is sent to no other server. */
const SHADOW_TERMS: Terms = { tenant: OWN_TERMS.tenant, priority: "batch", localOnly: true, isWarmUp: true };

export function createShadow(options: ShadowOptions): Shadow {
  const { quiet, keep, leaveOut, log } = options;
  const stopped = new AbortController();
  let waiting: Sample[] = [];
  let characters = 0;
  let running: Promise<void> | undefined;

  async function runAll(): Promise<void> {
    let undisturbed = AbortSignal.abort();
    for (let sample = waiting.shift(); sample !== undefined; sample = waiting.shift()) {
      characters -= sizeOf(sample);
      let omission: Omission | undefined;
      for (let tries = 1; tries <= MAX_TRIES; tries++) {
        if (undisturbed.aborted) undisturbed = await quiet(QUIET_MS, stopped.signal);
        const stay = options.stay();
        if (stay === undefined) {
          omission = "unloaded";
          break;
        }
        const signal = AbortSignal.any([stopped.signal, undisturbed, stay.over]);
        try {
          const comparison = await compare(sample, options, signal);
          omission = comparison === undefined ? "failed" : undefined;
          if (comparison !== undefined) keep(comparison);
          break;
        } catch (error) {
          if (stopped.signal.aborted) return;
          omission = undisturbed.aborted ? "disturbed" : stay.over.aborted ? "unloaded" : "failed";
          if (undisturbed.aborted) continue;
          if (stay.over.aborted) break;
          log.warn({ err: error }, "an answer could not be compared with one of this machine");
          break;
        } finally {
          stay.end();
        }
      }
      if (omission !== undefined) leaveOut(omission, sample.request);
    }
  }

  function begin(): void {
    running ??= runAll()
      // The wait for an idle gateway ends with an error when it stops.
      .catch(() => {})
      .finally(() => {
        running = undefined;
        if (waiting.length > 0 && !stopped.signal.aborted) begin();
      });
  }

  return {
    add(sample) {
      const size = sizeOf(sample);
      const isFull = waiting.length >= MAX_WAITING || characters + size > MAX_WAITING_CHARACTERS;
      if (stopped.signal.aborted) return;
      if (isFull) {
        leaveOut("full", sample.request);
        return;
      }
      waiting.push(sample);
      characters += size;
      begin();
    },
    settled: async () => {
      while (running !== undefined) await running;
    },
    stop() {
      stopped.abort();
      waiting = [];
    },
  };
}

function sizeOf({ prompt, theirs }: Sample): number {
  return prompt.messages.reduce((sum, { content }) => sum + content.length, theirs.text.length);
}

/** Undefined if the local model gives no whole answer. */
async function compare(sample: Sample, options: ShadowOptions, signal: AbortSignal): Promise<Comparison | undefined> {
  const { request, theirs } = sample;
  const isStructured = request.tools !== undefined || (request.output !== undefined && request.output.type !== "regex");
  const listener = createListener();
  const meter = createConfidenceMeter(isStructured);
  for await (const event of options.generate(toShadow(sample, options.model, signal))) {
    listener.note(event);
    if (event.type === "text" || event.type === "toolCall" || event.type === "toolArguments")
      meter.note(event.logprobs ?? []);
  }
  const ours = listener.said("fine");
  if (ours === undefined) return undefined;
  const same = isSame(theirs, ours);
  const isText = !isStructured && theirs.calls.length === 0 && theirs.text.trim() !== "" && ours.text.trim() !== "";
  const similarity = same || !isText ? undefined : await similarityOf(theirs.text, ours.text, options, signal);
  const { mean, least } = confidenceOf([meter]) ?? { mean: undefined, least: undefined };
  const isAlike = similarity !== undefined && similarity >= options.minSimilarity;
  return { sample, ours, isStructured, isSame: same || isAlike, similarity, mean, least };
}

/** Greedy, since one sampled answer says less of what a model would answer than the likeliest one. */
function toShadow({ request, prompt, theirs }: Sample, model: string, signal: AbortSignal): GenerationRequest {
  const { tools, output, stop } = request;
  // An answer that is much longer differs anyway.
  const enough = MIN_TOKENS + theirs.text.length + theirs.calls.reduce((sum, call) => sum + call.arguments.length, 0);
  const maxTokens = Math.min(request.maxTokens ?? enough, enough);
  return {
    ...{ id: `shadow_${randomUUID().replaceAll("-", "")}`, model, prompt, choices: 1, maxTokens, stop, signal },
    ...(tools !== undefined && { tools }),
    ...(output !== undefined && { output }),
    logprobs: 0,
    sampling: { ...PLAIN_SAMPLING, temperature: 0 },
    terms: SHADOW_TERMS,
  };
}

async function similarityOf(
  one: string,
  other: string,
  { embed, embedder }: Pick<ShadowOptions, "embed" | "embedder">,
  signal: AbortSignal,
): Promise<number | undefined> {
  if (embedder === undefined) return undefined;
  const items = [one, other].map((text) => ({ type: "text" as const, text }));
  const id = `shadow_${randomUUID().replaceAll("-", "")}`;
  const { vectors } = await embed({ id, model: embedder, items, dimensions: undefined, terms: SHADOW_TERMS, signal });
  const [first, second] = vectors;
  return first && second && cosine(first, second);
}
