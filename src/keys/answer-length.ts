import type { Layer } from "../generation/layer.ts";
import type { KeyRing } from "./ring.ts";

/** The default for a request without `max_tokens`, and the limit for all requests. */
export type AnswerLength = { readonly maxTokens: number | undefined; readonly maxTokensLimit: number | undefined };

/** A number for all models, such as 512, or for one, such as `qwen3-4b=512`. */
export type LengthEntry = number | string;

/** The lengths set for several models. */
export type Lengths = {
  /** @param names the model's id and aliases */
  of(names: readonly string[]): number | undefined;
  /** The model names in the entries. */
  readonly models: readonly string[];
};

/** Reads entries that the schema of the settings has validated. A model's own entry wins over the one for all, and a later over an earlier one. */
export function readLengths(entries: readonly LengthEntry[]): Lengths {
  let forAll: number | undefined;
  const byModel = new Map<string, number>();
  for (const entry of entries) {
    const text = String(entry);
    const end = text.lastIndexOf("=");
    const tokens = Number(text.slice(end + 1));
    if (end < 0) forAll = tokens;
    else byModel.set(text.slice(0, end).toLowerCase(), tokens);
  }
  return {
    of: (names) =>
      names.map((name) => byModel.get(name.toLowerCase())).find((tokens) => tokens !== undefined) ?? forAll,
    models: [...byModel.keys()],
  };
}

/**
 * Sets the length of answers: the request's own, else that of its key, else that of its model, cut to the limits of both. A larger length isn't
 * refused, since clients send one that suits the largest models. An answer that is cut ends with `length`.
 *
 * @param lengthOf by the model's id
 */
export function boundAnswers(keys: Pick<KeyRing, "get">, lengthOf: (model: string) => AnswerLength): Layer {
  return (request, next) => {
    const key = request.terms === undefined ? undefined : keys.get(request.terms.tenant);
    const ofKey: Partial<AnswerLength> = key?.policy ?? {};
    const ofModel = lengthOf(request.model);
    const maxTokens = boundLength(request.maxTokens, ofKey, ofModel);
    return next(maxTokens === request.maxTokens ? request : { ...request, maxTokens });
  };
}

/** The length of an answer of which so many tokens were asked for; undefined means no limit. */
export function boundLength(
  asked: number | undefined,
  ofKey: Partial<AnswerLength>,
  ofModel: AnswerLength,
): number | undefined {
  const limits = [ofKey.maxTokensLimit, ofModel.maxTokensLimit].filter((tokens) => tokens !== undefined);
  const wanted = asked ?? ofKey.maxTokens ?? ofModel.maxTokens;
  if (wanted === undefined && limits.length === 0) return undefined;
  return Math.min(wanted ?? Number.POSITIVE_INFINITY, ...limits);
}
