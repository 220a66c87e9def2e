import type { Command } from "commander";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { kindOfArgument, kindOfOption, type ValueKind } from "./kinds.ts";
import { findPlace, namesIn, optionsOf, type Place } from "./line.ts";
import { findNames } from "./names.ts";
import { unquote } from "./words.ts";

/** A word that can stand at the end of a command line, whole, and what it is for. */
type Candidate = { readonly word: string; readonly purpose?: string };

/** What can stand there: these words, or the shell's own names of files or folders, after `before` in the same word. */
export type Completion =
  | { readonly type: "words"; readonly candidates: readonly Candidate[] }
  | { readonly type: "files" | "folders"; readonly before: string };

/** Flags whose values say which gateway and which folders are meant. */
const TELLING = ["url", "host", "port", "config", "apiKey", "modelsDir", "promptsDir"];

/**
 * Completes a command line.
 *
 * @param typed its words after the program's name as they were typed, with their quotes; the last one as far as it was, perhaps empty
 */
export async function complete(
  program: Command,
  typed: readonly string[],
  context: Pick<CliContext, "env" | "cwd">,
): Promise<Completion> {
  const words = typed.map(unquote);
  const last = words.pop() ?? "";
  const place = findPlace(program, words, last);
  const kind = kindOf(place);
  const before = place.type === "value" ? place.before : "";
  if (kind.type === "files" || kind.type === "folders") return { type: kind.type, before };
  const candidates = [
    ...(place.type === "flag" ? flagsOf(place.command, words) : []),
    ...(place.type === "argument" && place.mayBeCommand ? commandsOf(place.command) : []),
    ...(await wordsOf(kind, program, words, context)).map((word) => ({ word: `${before}${word}` })),
  ];
  const wanted = last.toLowerCase();
  return { type: "words", candidates: candidates.filter(({ word }) => word.toLowerCase().startsWith(wanted)) };
}

function kindOf(place: Place): ValueKind {
  if (place.type === "value") return kindOfOption(place.command, place.option);
  return place.type === "flag" ? { type: "nothing" } : kindOfArgument(place.command, place.index);
}

async function wordsOf(
  kind: ValueKind,
  program: Command,
  words: readonly string[],
  context: Pick<CliContext, "env" | "cwd">,
): Promise<readonly string[]> {
  if (kind.type === "words") return kind.words;
  if (kind.type === "names") return findNames(kind.kinds, readFlags(words), context);
  if (kind.type !== "commands") return [];
  // `help service install`
  let command = program;
  for (const word of words.slice(1)) command = command.commands.find((each) => each.name() === word) ?? command;
  return commandsOf(command).map(({ word }) => word);
}

function commandsOf(command: Command): readonly Candidate[] {
  const help = command.createHelp();
  return help
    .visibleCommands(command)
    .map((each) => ({ word: each.name(), purpose: help.subcommandDescription(each) }));
}

/** Flags that are not there yet, unless they may be repeated. */
function flagsOf(command: Command, words: readonly string[]): readonly Candidate[] {
  const options = optionsOf(command).filter(({ hidden, negate }) => !hidden || negate);
  const help = { word: "--help", purpose: "print this help" };
  const flags = options.flatMap(({ flags, description, parseArg, short }) =>
    namesIn(flags)
      .filter((name) => name !== short && (parseArg !== undefined || !words.includes(name)))
      .map((word) => ({ word, purpose: description.replace(/ \(env .*\)$/s, "") })),
  );
  return [...new Map([...flags, help].map((each) => [each.word, each])).values()];
}

function readFlags(words: readonly string[]): Flags {
  const flags: Record<string, string> = {};
  for (const [at, word] of words.entries()) {
    const [, name = "", , value] = /^--([a-z-]+)(=(.*))?$/s.exec(word) ?? [];
    const key = name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const given = value ?? words[at + 1];
    if (TELLING.includes(key) && given !== undefined) flags[key] = given;
  }
  return flags;
}
