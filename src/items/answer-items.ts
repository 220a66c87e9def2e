import { attempt, type Door } from "../batch/attempt.ts";
import type { Clock } from "../clock.ts";
import { keepInFlight, type Pump } from "./in-flight.ts";
import { type Fault, type Item, itemIn } from "./item.ts";
import { bodyOf, type Recipe } from "./recipe.ts";
import type { HeldValue } from "./values.ts";

export type AnswerOptions = {
  /** Asked for each item, since a template may be read before the first. */
  readonly recipe: () => Recipe;
  readonly door: Door;
  /** Headers of each request. */
  readonly headers: Readonly<Record<string, string>>;
  /** How many items are in flight at once. */
  readonly limit: number;
  /** Whether the results come in the items' order. */
  readonly isOrdered: boolean;
  /** Aborted when nobody takes the results any more. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
};

/** The characters that results have together which the connection has not taken, before no more items begin. */
const MAX_UNTAKEN = 16 * 1024 * 1024;

/** The result of an item. */
export type ItemResult = {
  /** What stands in the line: the item's `id`, or its index, and its response or what has failed. */
  readonly line: string;
  readonly isError: boolean;
};

/**
 * Answers items, many at once, each by a request of its own through the door. A refusal that says when to come back is waited for; another failure
 * is the item's result. Its room is given back as soon as it is answered.
 */
export function answerItems(values: AsyncIterable<HeldValue>, options: AnswerOptions): Pump<ItemResult> {
  const { recipe, door, headers, signal, clock, limit, isOrdered } = options;
  let next = 0;

  async function answer(value: HeldValue): Promise<ItemResult> {
    try {
      return await resultFor(value, next++);
    } finally {
      value.leave();
    }
  }

  async function resultFor(value: HeldValue, index: number): Promise<ItemResult> {
    const read = itemIn(value);
    if ("fault" in read) return failed({ id: read.id, index }, 400, read.fault);
    const { id } = read.item;
    try {
      const made = bodyOf(recipe(), read.item);
      if ("forbidden" in made) return failed({ id, index }, 400, wrongField(made.forbidden));
      const body = JSON.stringify(made.body);
      const answered = await attempt({ door, path: recipe().endpoint, body, headers, signal, clock });
      return resultOf({ id, index }, answered);
    } catch {
      return failed({ id, index }, 500, {
        code: signal.aborted ? "cancelled" : "server_error",
        message: signal.aborted
          ? "The stream ended before this item was answered."
          : "The server failed while it worked on this item; its log says more.",
        param: null,
      });
    }
  }

  const sizeOf = ({ line }: ItemResult) => line.length;
  return keepInFlight(values, answer, { limit, sizeOf, maxSize: MAX_UNTAKEN, isOrdered });
}

type Named = { readonly id: Item["id"]; readonly index: number };

/** The answer's JSON goes into the line as it is. */
function resultOf(named: Named, { status, body }: { readonly status: number; readonly body: string }): ItemResult {
  const isError = status < 200 || status > 299;
  return {
    isError,
    line: `${head(named)},"status":${status},"${isError ? "error" : "response"}":${isError ? errorIn(body) : body}}`,
  };
}

function failed(named: Named, status: number, fault: Fault): ItemResult {
  return { isError: true, line: `${head(named)},"status":${status},"error":${JSON.stringify(fault)}}` };
}

function head({ id, index }: Named): string {
  return `{"id":${JSON.stringify(id ?? index)},"index":${index}`;
}

/** The error of an answer in OpenAI's or Anthropic's form; else all of it. */
function errorIn(body: string): string {
  const { error } = Object(JSON.parse(body));
  return typeof error === "object" && error !== null ? JSON.stringify(error) : body;
}

function wrongField(name: string): Fault {
  return {
    code: "invalid_value",
    message: `An item's request can't have '${name}'. Leave it out.`,
    param: `body.${name}`,
  };
}
