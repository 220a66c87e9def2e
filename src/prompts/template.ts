/** The variable that stands for the user's message. A preset declares none of this name. */
export const INPUT = "input";

export const VARIABLE_NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

const PLACE = /\{\{[ \t]*([A-Za-z][A-Za-z0-9_]{0,63})[ \t]*\}\}/;

/** A text with places for variables. */
export type Template = {
  /** Texts and names in turns, a text first and last. */
  readonly parts: readonly string[];
  /** The variables that it has places for, each once. */
  readonly names: readonly string[];
};

/** Finds the places, `{{name}}`. Braces around anything else are text, so that JSON and LaTeX need no escapes. */
export function parseTemplate(text: string): Template {
  const parts = text.split(new RegExp(PLACE, "g"));
  return { parts, names: [...new Set(parts.filter((_, index) => index % 2 === 1))] };
}

/**
 * The text with `values` in their places. A value is inserted unchanged and never parsed: braces in it stay braces.
 * Throws where a value is missing, which the caller has made sure of.
 */
export function renderTemplate({ parts }: Template, values: ReadonlyMap<string, string>): string {
  return parts.map((part, index) => (index % 2 === 0 ? part : lookUp(part, values))).join("");
}

function lookUp(name: string, values: ReadonlyMap<string, string>): string {
  const value = values.get(name);
  if (value === undefined) throw new Error(`the variable ${name} has no value`);
  return value;
}
