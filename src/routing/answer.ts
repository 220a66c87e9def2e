import type { Clock } from "../clock.ts";
import { LocalOnlyError, NoTargetError, NotSupportedByModelError } from "../generation/errors.ts";
import type { GenerationEvent } from "../generation/event.ts";
import type { Generate, Layer } from "../generation/layer.ts";
import type { News } from "../generation/news.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { OWN_TERMS } from "../generation/terms.ts";
import type { Allowance } from "./allowance.ts";
import { type Attempt, type Begun, startAttempt } from "./attempt.ts";
import { type Cascade, type Judged, judge, toJudge } from "./cascade.ts";
import { type Continuation, createContinuation } from "./continuation.ts";
import { hasCostWork, responseTo, wordFor, worseOf } from "./failure.ts";
import { type Candidate, type Decision, NEEDS, type Route } from "./policy.ts";
import { createReport, type Report } from "./report.ts";

export type AnswerOptions = {
  readonly route: Route;
  /** `answered` hears whose answer has begun. */
  readonly decide: (request: GenerationRequest) => Promise<{
    readonly decision: Decision;
    readonly answered: (target: string) => void;
  }>;
  /** How many requests may be sent to a second target while the first one works. */
  readonly hedges: Allowance;
  /** How many may be sent to another target after one that has worked on them in vain. */
  readonly retries: Allowance;
  readonly clock: Clock;
  /** What a request is refused with that no target may answer. */
  readonly refusal: (decision: Decision) => Error;
};

type Result = IteratorResult<GenerationEvent>;

/** News that count whatever becomes of a target's answer. */
const OF_ALL: ReadonlySet<News["type"]> = new Set(["waiting", "admitted", "tried", "evaluated"]);

const DONE: Result = { done: true, value: undefined };

/**
 * Answers through the targets of a route: the first that begins to answer is the one. One that fails before is followed by the next. What has
 * begun ends as it ends.
 */
export function answerThroughTargets(options: AnswerOptions): Layer {
  return (request, next) => ({ [Symbol.asyncIterator]: () => createCourse(options, request, next) });
}

/** One request's way through the targets. */
function createCourse(
  { route, decide, hedges, retries, clock, refusal }: AnswerOptions,
  request: GenerationRequest,
  generate: Generate,
): AsyncIterator<GenerationEvent> {
  const { terms = OWN_TERMS } = request;
  const startedMs = clock.now();
  const running = new Set<Attempt>();
  let hasBegun = false;
  let isLeft = false;
  let held: Result[] = [];
  let events: AsyncIterator<GenerationEvent> | undefined;
  /** Only where another target may continue the answer. */
  let continuation: Continuation | undefined;
  /** Tells and asks what is left, once the answer has begun. */
  let rest: { readonly report: Report; readonly others: Candidate[]; target: string } | undefined;

  function ask({ target }: Candidate, { cascade, ...request }: GenerationRequest): Attempt {
    const { maxWaitMs } = terms;
    const leftMs = maxWaitMs === undefined ? undefined : Math.max(1, Math.floor(maxWaitMs - (clock.now() - startedMs)));
    const asked = {
      ...request,
      model: target,
      ...(leftMs !== undefined && { terms: { ...terms, maxWaitMs: leftMs } }),
    };
    const attempt = startAttempt(asked, generate);
    running.add(attempt);
    return attempt;
  }

  /**
   * The answer of a small model, if it is sure of it. Its news but those of its wait and its work are told once its answer is used, since an answer
   * of another target has its own.
   */
  async function askFirst(first: Candidate, cascade: Cascade, report: Report): Promise<Judged> {
    report.set(first.target, "asked");
    const untold: News[] = [];
    let isUsed = false;
    const observe = (news: News) => {
      if (isUsed || OF_ALL.has(news.type)) request.observe?.(news);
      else untold.push(news);
    };
    const attempt = ask(first, { ...toJudge(request), observe });
    attempt.setTelling(true);
    const judged = await judge(await attempt.begun, request, { ...cascade, ...request.cascade });
    if (judged.isSure) {
      isUsed = true;
      for (const news of untold) request.observe?.(news);
      report.set(first.target, "answered", undefined, judged.confidence);
    } else {
      report.set(first.target, "failed", "unsure", judged.confidence);
      drop(attempt);
    }
    return judged;
  }

  function drop(attempt: Attempt): void {
    running.delete(attempt);
    attempt.setTelling(false);
    // It may take its time; nobody waits for it.
    attempt.leave().catch(() => {});
  }

  /** The answer of the first target, or of a second that is asked too if the first is late. That one is then taken from `others`. */
  async function race(first: Candidate, others: Candidate[], report: Report): Promise<Begun & { readonly by: string }> {
    report.set(first.target, "asked");
    const attempt = ask(first, request);
    attempt.setTelling(true);
    const [second] = others;
    if (!(await mayHedge(attempt, second)) || second === undefined) {
      const begun = await attempt.begun;
      attempt.setTelling(true);
      report.set(first.target, "answered");
      return { ...begun, by: first.target };
    }
    others.shift();
    report.set(second.target, "asked");
    const hedge = ask(second, request);
    const each = [attempt, hedge].map((one) => one.begun.then((begun) => ({ one, begun })));
    const won = await Promise.any(each).catch((error: unknown) => {
      const [ofFirst, ofSecond]: unknown[] = error instanceof AggregateError ? error.errors : [error, error];
      report.set(second.target, "failed", wordFor(ofSecond));
      throw responseTo(ofFirst) === "tell" ? ofFirst : worseOf(ofFirst, ofSecond);
    });
    const isFirst = won.one === attempt;
    drop(isFirst ? hedge : attempt);
    won.one.setTelling(true);
    report.set(isFirst ? second.target : first.target, "failed", "slower");
    const by = isFirst ? first.target : second.target;
    report.set(by, "answered");
    return { ...won.begun, by };
  }

  /** Waits until the answer begins, or is late. Rejects with what hindered it. */
  async function mayHedge(attempt: Attempt, second: Candidate | undefined): Promise<boolean> {
    const { hedge } = route;
    if (hedge === undefined || second === undefined || second.deferred !== undefined) return false;
    if (!hedge.class.includes(terms.priority) || terms.isWarmUp === true) return false;
    let cancel = () => {};
    const late = new Promise<boolean>((resolve) => {
      cancel = clock.after(hedge.after, () => resolve(true));
    });
    try {
      const isLate = await Promise.race([late, attempt.begun.then(() => false)]);
      return isLate && !isLeft && hedges.take();
    } finally {
      cancel();
    }
  }

  async function begin(): Promise<Result> {
    const { decision, answered } = await decide(request);
    if (isLeft) return DONE;
    const report = createReport(route.name, decision, request.observe);
    if (decision.candidates.length === 0) {
      report.tell();
      throw refusal(decision);
    }
    hedges.note();
    retries.note();
    let others = [...decision.candidates];
    let failure: unknown;
    /** Used if no other target answers. */
    let unsure: { readonly judged: Judged; readonly target: string } | undefined;

    function use(begun: Begun, by: string): Promise<Result> {
      running.clear();
      held = [...begun.held];
      events = begun.events;
      rest = { report, others, target: by };
      answered(by);
      if (route.continue === true) continuation = createContinuation(request);
      return next();
    }

    for (let candidate = others.shift(); candidate !== undefined; candidate = others.shift()) {
      try {
        if (candidate.isJudged === true && route.cascade !== undefined && others.length > 0) {
          const judged = await askFirst(candidate, route.cascade, report);
          if (isLeft) return DONE;
          if (judged.isSure) return use(judged, candidate.target);
          unsure = { judged, target: candidate.target };
          continue;
        }
        const begun = await race(candidate, others, report);
        if (unsure !== undefined) tellDiscarded(unsure.target, unsure.judged);
        if (isLeft) return DONE;
        return use(begun, begun.by);
      } catch (error) {
        const asked = [...running];
        running.clear();
        report.set(candidate.target, "failed", wordFor(error));
        failure = worseOf(failure, error);
        const response = responseTo(error);
        const isOver = request.signal.aborted || isLeft || response === "tell" || !hasTime();
        if (response === "longer") others = longerThan(candidate, others);
        const isLast = isOver || others.length === 0 || (hasCostWork(error) && !retries.take());
        if (isLast && unsure?.judged.isWhole === true && !isLeft && !request.signal.aborted) {
          report.set(unsure.target, "answered");
          return use(unsure.judged, unsure.target);
        }
        if (isLast) {
          if (unsure !== undefined) tellDiscarded(unsure.target, unsure.judged);
          // What the cache made of it, too.
          for (const attempt of asked) attempt.setTelling(true);
          throw isOver ? error : failure;
        }
      }
    }
    throw failure;
  }

  /** The key pays for an answer that was not used, too. */
  function tellDiscarded(target: string, { counts: { prompt, cached, completion } }: Judged): void {
    request.observe?.({ type: "discarded", target, spent: { prompt, cached, completion } });
  }

  /** An event of an answer that may be continued. */
  function pass(result: Result): Result {
    return result.done === true || continuation === undefined
      ? result
      : { done: false, value: continuation.pass(result.value) };
  }

  /** Has the next target continue what has broken off. Rejects with `error` if none can. */
  async function goOn(error: unknown): Promise<Result> {
    for (let candidate = rest?.others.shift(); candidate !== undefined; candidate = rest?.others.shift()) {
      const mayGoOn = !isLeft && !request.signal.aborted && responseTo(error) !== "tell";
      const asked = mayGoOn ? continuation?.next() : undefined;
      if (rest === undefined || asked === undefined || !retries.take()) break;
      const { report } = rest;
      report.set(rest.target, "failed", "broken_off");
      report.set(candidate.target, "asked");
      rest.target = candidate.target;
      const attempt = ask(candidate, asked);
      attempt.setTelling(true);
      try {
        const begun = await attempt.begun;
        running.clear();
        if (isLeft) return DONE;
        report.set(candidate.target, "answered");
        request.observe?.({ type: "continued", target: candidate.target });
        // That it has started, the client knows.
        held = begun.held.filter(({ done, value }) => done === true || value.type !== "started");
        events = begun.events;
        return next();
      } catch (failure) {
        running.clear();
        report.set(candidate.target, "failed", wordFor(failure));
      }
    }
    throw error;
  }

  function hasTime(): boolean {
    return terms.maxWaitMs === undefined || clock.now() - startedMs < terms.maxWaitMs;
  }

  function next(): Promise<Result> {
    if (held.length > 0) return Promise.resolve(pass(held.shift() ?? DONE));
    if (events !== undefined) return continuation === undefined ? events.next() : events.next().then(pass, goOn);
    if (isLeft || hasBegun) return Promise.resolve(DONE);
    hasBegun = true;
    return begin();
  }

  return {
    next,
    async return() {
      isLeft = true;
      held = [];
      await Promise.all([...[...running].map((attempt) => attempt.leave()), events?.return?.()]);
      return DONE;
    },
  };
}

function longerThan({ contextTokens }: Candidate, others: readonly Candidate[]): Candidate[] {
  return others.filter(
    (other) => contextTokens === undefined || other.contextTokens === undefined || other.contextTokens > contextTokens,
  );
}

/** What a request is refused with that no target may answer: what they all lack, or the reason for each. */
export function noTarget({ name }: Route, { excluded }: Decision): Error {
  const [first] = excluded;
  const lacking = NEEDS.find((need) => need === first?.reason);
  if (lacking !== undefined && excluded.every(({ reason }) => reason === lacking)) {
    return new NotSupportedByModelError(name, lacking);
  }
  const isKept = excluded.length > 0 && excluded.every(({ reason }) => reason === "local_only");
  return isKept ? new LocalOnlyError(name) : new NoTargetError(name, excluded);
}
