import type { Clock } from "../clock.ts";
import { ContextLengthExceededError, mayChange } from "../generation/errors.ts";
import type { GenerationEvent } from "../generation/event.ts";
import type { Generate, Layer } from "../generation/layer.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { OWN_TERMS } from "../generation/terms.ts";
import { fitOf } from "./fit.ts";

export type LastingFirstOptions = {
  /**
   * Like `generate` up to `started`, but nothing is evaluated: it throws what `generate` throws for a prompt, a tool or a format. Undefined
   * for a model that can't be asked.
   */
  readonly price: (...asked: Parameters<Generate>) => ReturnType<Generate> | undefined;
  /** Undefined until the model has loaded. */
  readonly contextTokens: (model: string) => number | undefined;
  /** Whether another server answers for the model. */
  readonly isUpstream?: (model: string) => boolean;
  /** Whether a request with this error can never be answered, whatever the load. */
  readonly isLasting: (error: unknown) => boolean;
  readonly clock: Clock;
};

/** The most questions to the engines at once. Beyond it, the refusal is reported without a question. */
const MAX_ASKED = 8;
const MAX_ASKED_BY_ONE = 2;

/** How long a refusal waits for the engine to say whether a retry could succeed. */
const MAX_ASK_MS = 5_000;
const MIN_ASK_MS = 250;

type Result = IteratorResult<GenerationEvent, undefined>;

const DONE: Result = { done: true, value: undefined };

/**
 * Reports lasting errors before temporary ones. A lasting error is a prompt longer than the context, a schema that can't be compiled, or a
 * conversation that the template rejects. If such a request were refused for the load or a limit of its key, it would be retried again and again.
 *
 * Accepted requests pay nothing. For a refused one the size is usually enough to tell; otherwise the engine is asked, within bounds.
 */
export function tellLastingFirst({ price, contextTokens, isUpstream, isLasting, clock }: LastingFirstOptions): Layer {
  const asked = new Map<string, number>();
  let inHand = 0;

  /** The lasting error of a request; undefined if none was found within the bounds. */
  async function findFault(request: GenerationRequest): Promise<unknown> {
    const { tenant, maxWaitMs = MAX_ASK_MS } = request.terms ?? OWN_TERMS;
    const own = asked.get(tenant) ?? 0;
    if (inHand >= MAX_ASKED || own >= MAX_ASKED_BY_ONE) return undefined;
    inHand += 1;
    asked.set(tenant, own + 1);
    // The question counts until it is answered, even if the request has given up waiting.
    const answer = askFor(request).finally(() => {
      inHand -= 1;
      const left = (asked.get(tenant) ?? 1) - 1;
      if (left === 0) asked.delete(tenant);
      else asked.set(tenant, left);
    });
    return within(answer, Math.min(MAX_ASK_MS, Math.max(MIN_ASK_MS, maxWaitMs)));
  }

  async function askFor(request: GenerationRequest): Promise<unknown> {
    try {
      const events = price(request)?.[Symbol.asyncIterator]();
      await events?.next();
      await events?.return?.();
      return undefined;
    } catch (error) {
      return isLasting(error) ? error : undefined;
    }
  }

  function within(answer: Promise<unknown>, ms: number): Promise<unknown> {
    return new Promise((resolve) => {
      const cancel = clock.after(ms, () => resolve(undefined));
      void answer.then((fault) => {
        cancel();
        resolve(fault);
      });
    });
  }

  async function explain(request: GenerationRequest, error: unknown): Promise<never> {
    if (!mayChange(error) || request.signal.aborted) throw error;
    throw (await findFault(request)) ?? error;
  }

  return (request, next) => {
    // What was answered before has no lasting error.
    return request.repeat === undefined ? explained(request, next) : next(request);
  };

  function explained(request: GenerationRequest, next: Generate): AsyncIterable<GenerationEvent> {
    return {
      [Symbol.asyncIterator]() {
        let source: AsyncIterator<GenerationEvent> | undefined;
        /** Whether everything is passed on unchanged: an event has come, or there is no error to look for. */
        let isPassing = false;
        let isLeft = false;

        async function first(): Promise<Result> {
          if (isLeft) return DONE;
          const context = contextTokens(request.model);
          const fit = fitOf(request, context);
          if (fit.type === "too long" && context !== undefined) {
            isLeft = true;
            const isEstimate = request.prompt.type !== "tokens";
            throw new ContextLengthExceededError(fit.atLeast, context, isEstimate, isUpstream?.(request.model));
          }
          source ??= next(request)[Symbol.asyncIterator]();
          try {
            isPassing = fit.type === "fits";
            const result = await source.next();
            isPassing = true;
            return result;
          } catch (error) {
            if (isPassing) throw error;
            return explain(request, error);
          }
        }
        return {
          next: () => (isPassing && source !== undefined ? source.next() : first()),
          async return() {
            isLeft = true;
            await source?.return?.();
            return DONE;
          },
        };
      },
    };
  }
}
