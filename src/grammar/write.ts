import { canFinish, type Expression } from "./expression.ts";
import type { RuleBook } from "./rules.ts";

/** The maximum for GBNF's own `{m,n}`: llama.cpp expands each repetition to separate rules. */
const BLOCK = 64;

/**
 * Writes `expression` as the right side of a rule. Omits parts that can't be finished with the `productive` rules: a model could not leave
 * them.
 */
export function writeExpression(
  expression: Expression,
  productive: ReadonlySet<string>,
  book: RuleBook,
  path: string,
): string {
  function write(expression: Expression, isTerm: boolean): string {
    switch (expression.type) {
      case "terms":
        return expression.gbnf;
      case "reference":
        return expression.name;
      case "sequence":
        return expression.items.map((item) => write(item, true)).join(" ") || '""';
      case "choice": {
        const items = expression.items.filter((item) => canFinish(item, productive)).map((item) => write(item, false));
        return isTerm && items.length > 1 ? `(${items.join(" | ")})` : items.join(" | ");
      }
      case "repeat": {
        if (!canFinish(expression.item, productive)) {
          return '""';
        }
        const item = book.rule("item", write(expression.item, false), path);
        return writeRepeat(item, expression.min, expression.max, book, path);
      }
    }
  }
  return write(expression, false);
}

/** Writes `item`, the name of a rule, from `min` to `max` times; `max` may be infinite. */
function writeRepeat(item: string, min: number, max: number, book: RuleBook, path: string): string {
  if (max === Number.POSITIVE_INFINITY) {
    return [...exactly(item, min, book, path), `${item}*`].join(" ");
  }
  return [...exactly(item, min, book, path), ...upTo(item, max - min, book, path)].join(" ") || '""';
}

function exactly(item: string, count: number, book: RuleBook, path: string): string[] {
  if (count <= BLOCK) {
    return count === 0 ? [] : [count === 1 ? item : `${item}{${count}}`];
  }
  const blocks = Math.floor(count / BLOCK);
  return [...exactly(blockOf(item, book, path), blocks, book, path), ...exactly(item, count % BLOCK, book, path)];
}

/** Writes optional blocks, then enough optional single items that every number up to `count` can be reached. */
function upTo(item: string, count: number, book: RuleBook, path: string): string[] {
  if (count <= 2 * BLOCK) {
    return count === 0 ? [] : [`${item}{0,${count}}`];
  }
  const blocks = Math.floor((count - (BLOCK - 1)) / BLOCK);
  return [...upTo(blockOf(item, book, path), blocks, book, path), `${item}{0,${count - blocks * BLOCK}}`];
}

function blockOf(item: string, book: RuleBook, path: string): string {
  return book.rule(`${item}-${BLOCK}`, `${item}{${BLOCK}}`, path);
}
