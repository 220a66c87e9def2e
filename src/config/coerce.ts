import { alternatives, entrySchema, type Setting, type ValueSchema } from "./settings.ts";

const WHOLE_NUMBER = /^[+-]?\d+$/;
const DECIMAL_NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["yes", true],
  ["on", true],
  ["1", true],
  ["false", false],
  ["no", false],
  ["off", false],
  ["0", false],
]);

/**
 * The value that a flag's or a variable's text stands for. Text that fits nothing is returned unchanged, for the schema to refuse:
 * this never throws.
 */
export function coerceText(text: string, schema: ValueSchema): unknown {
  const choices = alternatives(schema);
  if (choices.some((choice) => choice.const === text || choice.enum?.includes(text))) return text;
  const trimmed = text.trim();
  for (const { type } of choices) {
    if (type === "integer" && WHOLE_NUMBER.test(trimmed)) return wholeNumber(trimmed) ?? text;
    if (type === "number" && DECIMAL_NUMBER.test(trimmed)) return Number(trimmed);
    if (type === "boolean") return BOOLEANS.get(trimmed.toLowerCase()) ?? text;
  }
  return text;
}

/** Undefined for a number too large to be exact: the message about it should show what was written. */
function wholeNumber(digits: string): number | undefined {
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** A variable's text as the setting's value; a list's entries are separated by commas. */
export function coerceVariable(text: string, setting: Setting): unknown {
  if (!setting.isList) return coerceText(text, setting.valueSchema);
  const entries = text.split(",").map((entry) => entry.trim());
  return entries.filter((entry) => entry !== "").map((entry) => coerceText(entry, entrySchema(setting.valueSchema)));
}

/** What the command line holds for a flag as the setting's value: its text, a repeated flag's texts, or a switch's true or false. */
export function coerceFlag(given: string | boolean | readonly string[], setting: Setting): unknown {
  if (typeof given === "boolean") return given;
  if (typeof given === "string")
    return setting.isList ? coerceFlag([given], setting) : coerceText(given, setting.valueSchema);
  return given.map((text) => coerceText(text, entrySchema(setting.valueSchema)));
}
