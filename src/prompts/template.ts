/** The variable for the user's message. A preset can't declare it. */
export const INPUT = "input";

export const VARIABLE_NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

const PLACE = /\{\{[ \t]*([A-Za-z][A-Za-z0-9_]{0,63})[ \t]*\}\}/;

/** A text with placeholders for variables. */
export type Template = {
  /** Alternates between texts and names; the first and the last are texts. */
  readonly parts: readonly string[];
  /** The names of the placeholders, each once. */
  readonly names: readonly string[];
};

/** Finds the placeholders, `{{name}}`. Braces around anything else are text, so that JSON and LaTeX need no escapes. */
export function parseTemplate(text: string): Template {
  const parts = text.split(new RegExp(PLACE, "g"));
  return { parts, names: [...new Set(parts.filter((_, index) => index % 2 === 1))] };
}

/**
 * Replaces the placeholders with `values`. Values are inserted unchanged: braces in them stay braces. Throws for a missing value, which the
 * caller must rule out.
 */
export function renderTemplate({ parts }: Template, values: ReadonlyMap<string, string>): string {
  return parts.map((part, index) => (index % 2 === 0 ? part : lookUp(part, values))).join("");
}

function lookUp(name: string, values: ReadonlyMap<string, string>): string {
  const value = values.get(name);
  if (value === undefined) throw new Error(`the variable ${name} has no value`);
  return value;
}
