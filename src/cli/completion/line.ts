import type { Command, Option } from "commander";

/** Where on a command line its end is. */
export type Place =
  /** The value of an option; `before` is what stands before it in the same word: `--port=`, or nothing. */
  | { readonly type: "value"; readonly command: Command; readonly option: Option; readonly before: string }
  | { readonly type: "flag"; readonly command: Command }
  /** An argument of a command, counted from 0, or one of its commands if `mayBeCommand`. */
  | { readonly type: "argument"; readonly command: Command; readonly index: number; readonly mayBeCommand: boolean };

/** The default command, whose flags may stand without its name. */
const DEFAULT_COMMAND = "serve";

/**
 * Finds what can stand at the end of a command line.
 *
 * @param words those before the last one, after the program's name
 * @param last the last one, as far as it was typed; perhaps empty
 */
export function findPlace(program: Command, words: readonly string[], last: string): Place {
  let command = program;
  let index = 0;
  let pending: Option | undefined;
  let isPlain = false;
  for (const word of words) {
    if (pending !== undefined && (pending.required || !word.startsWith("-"))) {
      pending = undefined;
      continue;
    }
    pending = undefined;
    if (isPlain) index += 1;
    else if (word === "--") isPlain = true;
    else if (word.startsWith("-") && word !== "-") pending = takesNext(findOption(command, word), word);
    else {
      const next = index === 0 ? command.commands.find((each) => each.name() === word) : undefined;
      if (next === undefined) index += 1;
      else command = next;
    }
  }
  if (pending?.required) return { type: "value", command, option: pending, before: "" };
  if (!isPlain && last.startsWith("-")) {
    const [flag = ""] = last.split("=", 1);
    const option = flag === last ? undefined : findOption(command, flag);
    if (option?.required || option?.optional) return { type: "value", command, option, before: `${flag}=` };
    return { type: "flag", command };
  }
  return { type: "argument", command, index, mayBeCommand: index === 0 && !isPlain };
}

/** The options that can stand after a command: its own, and for none those of the default command too. */
export function optionsOf(command: Command): readonly Option[] {
  const fallback = command.commands.find((each) => command.parent === null && each.name() === DEFAULT_COMMAND);
  return [...command.options, ...(fallback?.options ?? [])];
}

function findOption(command: Command, word: string): Option | undefined {
  const [flag = ""] = word.split("=", 1);
  return optionsOf(command).find(
    ({ long, short, flags }) => long === flag || short === flag || namesIn(flags).includes(flag),
  );
}

/** The names in an option's flags: of `-o, --output <file>`, both. */
export function namesIn(flags: string): readonly string[] {
  return flags.split(/[ ,|]+/).filter((part) => part.startsWith("-"));
}

function takesNext(option: Option | undefined, word: string): Option | undefined {
  if (option === undefined || word.includes("=")) return undefined;
  return option.required || option.optional ? option : undefined;
}
