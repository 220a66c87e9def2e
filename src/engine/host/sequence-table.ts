import type { GenerationRequest } from "../../generation/request.ts";
import { OWN_TERMS } from "../../generation/terms.ts";
import type { SequenceRequest } from "../contract/messages.ts";
import type { GenerationWriter } from "./generation-stream.ts";

/** A request that has not ended, whether a worker has it or it waits for one. */
export type InFlightRequest = {
  readonly request: GenerationRequest;
  readonly writer: GenerationWriter;
  readonly sequences: readonly Sequence[];
  /** The reader was told of the start. */
  started: boolean;
  /** How many workers died while they had this request. */
  deaths: number;
  /** No worker is to have it for now. */
  paused: boolean;
  /** It may be what kills the workers, so it is tried alone before it runs with others again. */
  suspect: boolean;
};

/** One choice of a request. */
export type Sequence = {
  readonly owner: InFlightRequest;
  readonly choice: number;
  readonly seed: number;
  /** All tokens that a worker told of: what the next worker must replay. */
  readonly tokens: number[];
  /** How many tokens of the prompt the reader was told the scores of. */
  promptScored: number;
  /** Set while a worker has it. */
  submission: Submission | undefined;
  finished: boolean;
};

type Submission = {
  /** Fresh for each submission, so that a late update of an earlier one is never taken for news of this one. */
  readonly id: number;
  /** The worker was told to stop at so many tokens, fewer than the client asked for. */
  readonly trialTokens: number | undefined;
};

/** Everything that the host holds for its unfinished requests. */
type SequenceTable = {
  /** In the order of arrival. */
  readonly requests: ReadonlySet<InFlightRequest>;
  readonly submissionCount: number;
  /** The id of the latest submission; 0 when there was none. */
  readonly lastId: number;
  add(request: GenerationRequest, writer: GenerationWriter, seed: number): InFlightRequest;
  /** Forgets a request. Returns the ids of the submissions that a worker still has. */
  remove(inFlight: InFlightRequest): number[];
  /** Notes that no worker has any of a request's sequences. Returns the ids of the submissions that one had. */
  withdraw(inFlight: InFlightRequest): number[];
  /** Notes that a worker gets `sequence` and returns what to send. */
  submit(sequence: Sequence, trialTokens: number | undefined): SequenceRequest;
  /** Notes that no worker has `sequence` any more. */
  release(sequence: Sequence): void;
  find(id: number): Sequence | undefined;
};

export function createSequenceTable(): SequenceTable {
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
    get lastId() {
      return lastId;
    },
    add(request, writer, seed) {
      const sequences: Sequence[] = [];
      const inFlight: InFlightRequest = {
        request,
        writer,
        sequences,
        started: false,
        deaths: 0,
        paused: false,
        suspect: false,
      };
      for (let choice = 0; choice < request.choices; choice += 1) {
        sequences.push({
          owner: inFlight,
          choice,
          // Each choice draws otherwise, and yet as the request's seed says.
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
      const { model, tools, output, choices, sampling, promptLogprobs, terms, cache, observe, said, signal, ...rest } =
        owner.request;
      const { tenant, priority } = terms ?? OWN_TERMS;
      return {
        ...rest,
        id: lastId,
        tenant,
        priority,
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

/** Whether a worker has at least one of the request's sequences. */
export function isSubmitted(inFlight: InFlightRequest): boolean {
  return inFlight.sequences.some(({ submission }) => submission !== undefined);
}
