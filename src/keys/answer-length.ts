import type { Layer } from "../generation/layer.ts";
import type { KeyRing } from "./ring.ts";

/** How long answers are: what one has at most that says nothing of it itself, and what nobody can have more than. */
export type AnswerLength = { readonly maxTokens: number | undefined; readonly maxTokensLimit: number | undefined };

/** A number for all models, such as 512, or for one, such as `qwen3-4b=512`. */
export type LengthEntry = number | string;

/** What of several models' entries counts for one. */
export type Lengths = {
  /** @param names the model's id and aliases */
  of(names: readonly string[]): number | undefined;
  /** The names that the entries have. */
  readonly models: readonly string[];
};

/** Reads entries that the settings' schema has checked. A model's own goes before that for all, and a later one before an earlier. */
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
 * The layer that gives requests which name no length of their answers the one of their key, else of their model, and cuts all to the limits of
 * both. A length that is too great is cut, not refused: clients send one for the largest models that they know. Such an answer ends with
 * `length`, as one that has filled the context.
 *
 * @param lengthOf by the model's id
 */
export function boundAnswers(keys: Pick<KeyRing, "get">, lengthOf: (model: string) => AnswerLength): Layer {
  return (request, next) => {
    const key = request.terms === undefined ? undefined : keys.get(request.terms.tenant);
    const ofKey: Partial<AnswerLength> = key?.policy ?? {};
    const ofModel = lengthOf(request.model);
    const limits = [ofKey.maxTokensLimit, ofModel.maxTokensLimit].filter((tokens) => tokens !== undefined);
    const wanted = request.maxTokens ?? ofKey.maxTokens ?? ofModel.maxTokens;
    const maxTokens =
      wanted === undefined && limits.length === 0 ? undefined : Math.min(wanted ?? Number.POSITIVE_INFINITY, ...limits);
    return next(maxTokens === request.maxTokens ? request : { ...request, maxTokens });
  };
}
