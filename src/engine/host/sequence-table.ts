import type { GenerationRequest } from "../../generation/request.ts";
import { OWN_TERMS, sharerOf } from "../../generation/terms.ts";
import type { SequenceRequest } from "../contract/messages.ts";
import type { GenerationWriter } from "./generation-stream.ts";

/** An unfinished request, with or without a worker. */
export type InFlightRequest = {
  readonly request: GenerationRequest;
  readonly writer: GenerationWriter;
  readonly sequences: readonly Sequence[];
  /** Whether the `started` event was sent. */
  started: boolean;
  /** The length of its prompt, once a worker has told it. */
  promptTokens: number;
  /** How many workers have died while they had this request. */
  deaths: number;
  /** Whether it must not be submitted for now. */
  paused: boolean;
  /** Whether it may be what kills workers. It then runs alone for a while. */
  suspect: boolean;
};

/** One choice of a request. */
export type Sequence = {
  readonly owner: InFlightRequest;
  readonly choice: number;
  readonly seed: number;
  /** All tokens that workers have reported; the next worker replays them. */
  readonly tokens: number[];
  /** How many scores of prompt tokens were sent to the reader. */
  promptScored: number;
  /** Undefined while no worker has it. */
  submission: Submission | undefined;
  finished: boolean;
};

type Submission = {
  /** New for each submission, so that late updates of an earlier submission are recognized. */
  readonly id: number;
  /** The token limit of a trial, below the client's own limit; undefined outside a trial. */
  readonly trialTokens: number | undefined;
};

/** The unfinished requests, and which sequences a worker has. */
type SequenceTable = {
  /** In order of arrival. */
  readonly requests: ReadonlySet<InFlightRequest>;
  readonly submissionCount: number;
  /** The tokens of all sequences that a worker has, prompts included, as far as it has told. */
  readonly heldTokens: number;
  /** The id of the latest submission; 0 if there was none. */
  readonly lastId: number;
  add(request: GenerationRequest, writer: GenerationWriter, seed: number): InFlightRequest;
  /** Removes a request. Returns the ids of its submissions. */
  remove(inFlight: InFlightRequest): number[];
  /** Marks all sequences of a request as not submitted. Returns the ids of their submissions. */
  withdraw(inFlight: InFlightRequest): number[];
  /** Marks `sequence` as submitted. Returns what to send to the worker. */
  submit(sequence: Sequence, trialTokens: number | undefined): SequenceRequest;
  /** Marks `sequence` as not submitted. */
  release(sequence: Sequence): void;
  find(id: number): Sequence | undefined;
};

/** @param nowMs the time in Unix ms */
export function createSequenceTable(nowMs: () => number = Date.now): SequenceTable {
  const requests = new Set<InFlightRequest>();
  const submitted = new Map<number, Sequence>();
  let lastId = 0;

  function release(sequence: Sequence): void {
    if (sequence.submission === undefined) return;
    submitted.delete(sequence.submission.id);
    sequence.submission = undefined;
  }

  function withdraw({ sequences }: InFlightRequest): number[] {
    const ids = sequences.flatMap(({ submission }) => (submission === undefined ? [] : [submission.id]));
    for (const sequence of sequences) release(sequence);
    return ids;
  }

  return {
    requests,
    get submissionCount() {
      return submitted.size;
    },
    get heldTokens() {
      let sum = 0;
      for (const { owner, tokens } of submitted.values()) sum += owner.promptTokens + tokens.length;
      return sum;
    },
    get lastId() {
      return lastId;
    },
    add(request, writer, seed) {
      const sequences: Sequence[] = [];
      const flags = { started: false, paused: false, suspect: false };
      const inFlight: InFlightRequest = { request, writer, sequences, promptTokens: 0, deaths: 0, ...flags };
      for (let choice = 0; choice < request.choices; choice += 1) {
        sequences.push({
          owner: inFlight,
          choice,
          // A different seed for each choice, derived from the request's.
          seed: (seed + choice) >>> 0,
          tokens: [],
          promptScored: 0,
          submission: undefined,
          finished: false,
        });
      }
      requests.add(inFlight);
      return inFlight;
    },
    remove(inFlight) {
      requests.delete(inFlight);
      return withdraw(inFlight);
    },
    withdraw,
    submit(sequence, trialTokens) {
      lastId += 1;
      sequence.submission = { id: lastId, trialTokens };
      submitted.set(lastId, sequence);
      const { choice, owner, promptScored } = sequence;
      const {
        model,
        tools,
        output,
        choices,
        sampling,
        promptLogprobs,
        terms,
        cache,
        cascade,
        journal,
        observe,
        said,
        signal,
        ...rest
      } = owner.request;
      const { priority, restUntilMs } = terms ?? OWN_TERMS;
      return {
        ...rest,
        id: lastId,
        tenant: sharerOf(terms ?? OWN_TERMS),
        priority,
        ...(restUntilMs !== undefined && { restMs: Math.max(0, restUntilMs - nowMs()) }),
        ...(tools && { tools: tools.tools }),
        maxTokens: trialTokens ?? rest.maxTokens,
        sampling: { ...sampling, seed: sequence.seed },
        ...(promptLogprobs !== undefined &&
          choice === 0 && { promptScores: { top: promptLogprobs, from: promptScored } }),
        ...(output?.type === "grammar" && { grammar: output.grammar }),
        reproducible: sampling.seed !== undefined,
        replay: sequence.tokens.slice(),
      };
    },
    release,
    find: (id) => submitted.get(id),
  };
}

/** Whether a worker has any sequence of the request. */
export function isSubmitted(inFlight: InFlightRequest): boolean {
  return inFlight.sequences.some(({ submission }) => submission !== undefined);
}
