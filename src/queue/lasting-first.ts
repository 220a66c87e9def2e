import type { Clock } from "../clock.ts";
import { ContextLengthExceededError, mayChange } from "../generation/errors.ts";
import type { GenerationEvent } from "../generation/event.ts";
import type { Generate, Layer } from "../generation/layer.ts";
import type { GenerationRequest } from "../generation/request.ts";
import { OWN_TERMS } from "../generation/terms.ts";
import { fitOf } from "./fit.ts";

export type LastingFirstOptions = {
  /**
   * As `generate` up to `started`, evaluated by nobody: what it throws for a prompt, a tool or a format, this throws too. Undefined for a
   * model that can't be asked.
   */
  readonly price: (...asked: Parameters<Generate>) => ReturnType<Generate> | undefined;
  /** Undefined until the model has loaded. */
  readonly contextTokens: (model: string) => number | undefined;
  /** Whether a request that this was thrown for will never be answered, whatever the load. */
  readonly isLasting: (error: unknown) => boolean;
  readonly clock: Clock;
};

/** Questions to the engines that are in hand at once, for this purpose: beyond that what may change is told alone. */
const MAX_ASKED = 8;
const MAX_ASKED_BY_ONE = 2;

/** How long a refusal may wait for the engine to say whether it would be of any use to come back. */
const MAX_ASK_MS = 5_000;
const MIN_ASK_MS = 250;

type Result = IteratorResult<GenerationEvent, undefined>;

const DONE: Result = { done: true, value: undefined };

/**
 * The layer that has what never changes decided before what may change: a prompt longer than the context, a schema that no grammar can be made
 * of, a conversation that the template refuses. A request with such a fault that is refused for the load or for a limit of its key would
 * come again and again; here it is told its fault instead.
 *
 * It costs nothing where a request is taken. Of one that is refused its size says enough in most cases; else the engine is asked, within bounds.
 */
export function tellLastingFirst({ price, contextTokens, isLasting, clock }: LastingFirstOptions): Layer {
  const asked = new Map<string, number>();
  let inHand = 0;

  /** The lasting fault of a request; undefined where none is known within the bounds. */
  async function findFault(request: GenerationRequest): Promise<unknown> {
    const { tenant, maxWaitMs = MAX_ASK_MS } = request.terms ?? OWN_TERMS;
    const own = asked.get(tenant) ?? 0;
    if (inHand >= MAX_ASKED || own >= MAX_ASKED_BY_ONE) return undefined;
    inHand += 1;
    asked.set(tenant, own + 1);
    // It counts until it is answered, also where nobody waits for that any more.
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

  return (request, next) => ({
    [Symbol.asyncIterator]() {
      let source: AsyncIterator<GenerationEvent> | undefined;
      /** Whether all that comes is passed on as it is: an event came, or there is no fault to be found. */
      let isPassing = false;
      let isLeft = false;

      async function first(): Promise<Result> {
        if (isLeft) return DONE;
        const context = contextTokens(request.model);
        const fit = fitOf(request, context);
        if (fit.type === "too long" && context !== undefined) {
          isLeft = true;
          throw new ContextLengthExceededError(fit.atLeast, context, request.prompt.type !== "tokens");
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
  });
}
