import { SEMANTIC_DETAIL } from "../../generation/cache.ts";
import type { GenerationRequest } from "../../generation/request.ts";
import { keyOf } from "../key.ts";
import type { AnswerStore } from "../store.ts";
import type { Tier } from "../tier.ts";
import { createNeighbours, type Neighbour } from "./neighbours.ts";
import { type Reading, readRequest } from "./reading.ts";
import type { Verify } from "./verify.ts";

export type SemanticTierOptions = {
  readonly store: Pick<AnswerStore, "get">;
  /** The identity of a model; undefined until it is known. */
  readonly identify: (model: string) => string | undefined;
  readonly verify: Verify;
  /** The most bytes of memory for the texts of answered requests. */
  readonly maxBytes: number;
  /** Called with the reason if the models couldn't be asked, or not in time. */
  readonly onFailure: (error: unknown) => void;
};

type Place = { readonly neighbourhood: string; readonly reading: Reading; readonly text: string };

/**
 * Answers a request with the stored answer to another text that asks for the same, if its preset allows that. The words are compared first, which
 * takes microseconds; the models are asked only about texts that pass.
 */
export function createSemanticTier({ store, identify, verify, maxBytes, onFailure }: SemanticTierOptions): Tier {
  const neighbours = createNeighbours(maxBytes);

  function placeOf(request: GenerationRequest): Place | undefined {
    const text = request.cache?.semantic?.text;
    const reading = text === undefined ? undefined : readRequest(text);
    const identity = reading === undefined ? undefined : identify(request.model);
    if (text === undefined || reading === undefined || identity === undefined) return undefined;
    const neighbourhood = neighbourhoodOf(request, identity, text);
    return neighbourhood === undefined ? undefined : { neighbourhood, reading, text };
  }

  /** The neighbours whose answers are still stored, each with its answer. */
  function answered({ neighbourhood, reading }: Place, ownKey: string) {
    return neighbours.find(neighbourhood, reading).flatMap((neighbour) => {
      const answer = neighbour.key === ownKey ? undefined : store.get(neighbour.key);
      if (answer === undefined) neighbours.forget(neighbourhood, neighbour);
      return answer === undefined ? [] : [{ neighbour, answer }];
    });
  }

  async function agrees(
    request: GenerationRequest,
    { text: stored }: Neighbour,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { text = "", timeoutMs = 0 } = request.cache?.semantic ?? {};
    try {
      return await verify(request, { text, stored }, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
    } catch (error) {
      if (!signal.aborted) onFailure(error);
      return false;
    }
  }

  return {
    name: SEMANTIC_DETAIL,
    takes(request) {
      const place = placeOf(request);
      return place !== undefined && neighbours.find(place.neighbourhood, place.reading).length > 0;
    },
    async find({ request, key }, signal) {
      const place = placeOf(request);
      const [newest] = place === undefined ? [] : answered(place, key);
      if (newest === undefined) return undefined;
      return (await agrees(request, newest.neighbour, signal)) ? newest.answer : undefined;
    },
    keep({ request, key }) {
      const place = placeOf(request);
      if (place !== undefined) neighbours.add(place.neighbourhood, { text: place.text, reading: place.reading, key });
    },
  };
}

/** Stands for the text. No text contains it, since it isn't a character. */
const PLACE = "\uffff";

/**
 * The neighbourhood of a request: the key of everything in it except `text`, which its last message contains. Undefined if it has no such message.
 */
function neighbourhoodOf(request: GenerationRequest, identity: string, text: string): string | undefined {
  const { prompt } = request;
  const last = prompt.type === "chat" ? prompt.messages.at(-1) : undefined;
  if (prompt.type !== "chat" || last?.role !== "user" || !last.content.includes(text)) return undefined;
  const messages = prompt.messages.with(-1, { ...last, content: last.content.replaceAll(text, PLACE) });
  return keyOf({ ...request, prompt: { ...prompt, messages } }, identity);
}
