import type { Command, Help, Option } from "commander";
import { settings } from "../config/settings.ts";
import { shellCommand } from "../version.ts";
import type { Output } from "./context.ts";

/** A command line as it would be typed after an installation, and what it is for. */
export type Example = readonly [line: string, purpose: string];

const examples = new WeakMap<Command, readonly Example[]>();

/** Adds examples to a command's help. */
export function addExamples(command: Command, ...given: readonly Example[]): void {
  examples.set(command, given);
}

/** The examples in a command's help: its own, or the first one of each of its commands. */
export function examplesOf(command: Command): readonly Example[] {
  return examples.get(command) ?? command.commands.flatMap((each) => examplesOf(each).slice(0, 1));
}

const notes = new WeakMap<Command, readonly string[]>();

/** Adds paragraphs to the end of a command's help, after those that it has. Each is one line here, and wrapped at the terminal's width. */
export function addNotes(command: Command, ...given: readonly string[]): Command {
  notes.set(command, [...(notes.get(command) ?? []), ...given]);
  return command;
}

/** Flags whose setting is on by default; the help shows the form that turns them off. */
const SWITCHED_ON: ReadonlySet<string> = new Set(
  settings.filter(({ isBoolean, defaultValue }) => isBoolean && defaultValue === true).map(({ flag }) => flag),
);

/** The width of the help where no terminal tells one. */
const PLAIN_COLUMNS = 80;

/** How wide the help is: as the terminal that gets it, or, where it is piped to a pager, as the terminal of the other stream. */
export function helpColumns(output: Output, other: Output): number {
  return output.columns ?? other.columns ?? PLAIN_COLUMNS;
}

/** A description that gets fewer columns than this stands below its term. */
const MIN_DESCRIPTION_COLUMNS = 40;
const BELOW_INDENT = 6;

/** How all commands show their help: what it is, its commands, its options, examples. */
export const HELP_FORMAT: Partial<Help> = {
  minWidthToWrap: 10,
  optionTerm,
  subcommandTerm: (command) => [command.name(), ...command.registeredArguments.map(placeOf)].join(" "),
  styleTitle: (text) => `\u001b[1m${text}\u001b[22m`,
  styleSubcommandTerm: (text) => `\u001b[36m${text}\u001b[39m`,
  styleOptionTerm: (text) => `\u001b[36m${text}\u001b[39m`,
  formatItem(term, termWidth, description, helper) {
    const columns = helper.helpWidth ?? 80;
    if (columns - termWidth - 4 >= MIN_DESCRIPTION_COLUMNS) {
      return layOut(term, termWidth, description, helper);
    }
    const below = helper.boxWrap(description, Math.max(20, columns - BELOW_INDENT));
    return `  ${term}\n${indent(below, BELOW_INDENT)}`;
  },
  formatHelp(command, helper) {
    const columns = helper.helpWidth ?? 80;
    const termWidth = helper.padWidth(command, helper);
    const parts: string[] = [
      `${helper.styleTitle("Usage:")} ${helper.commandUsage(command)}`,
      helper.boxWrap(helper.commandDescription(command), columns),
    ];
    const commands = helper.groupItems([...command.commands], helper.visibleCommands(command), (each) =>
      each.helpGroup(),
    );
    for (const [group, listed] of commands) {
      const items = listed.map((each) =>
        helper.formatItem(
          helper.styleSubcommandTerm(helper.subcommandTerm(each)),
          termWidth,
          helper.subcommandDescription(each),
          helper,
        ),
      );
      parts.push(section(group || "Commands:", items, helper));
    }
    const options = helper.groupItems(
      [...command.options],
      helper.visibleOptions(command),
      (each) => each.helpGroupHeading ?? "",
    );
    for (const [group, listed] of options) {
      const items = listed.map((each) =>
        helper.formatItem(
          helper.styleOptionTerm(helper.optionTerm(each)),
          termWidth,
          helper.optionDescription(each),
          helper,
        ),
      );
      parts.push(section(group || "Options:", items, helper));
    }
    const shown = examplesOf(command);
    if (shown.length > 0) parts.push(section("Examples:", [showExamples(shown, columns)], helper));
    for (const note of notes.get(command) ?? []) parts.push(wrapNote(note, columns, helper));
    return `${parts.join("\n\n")}\n`;
  },
};

/** How the help shows an option: `--port <number>`, `--[no-]warm-presets`. */
export function optionTerm({ flags }: Option): string {
  return SWITCHED_ON.has(flags) ? flags.replace("--", "--[no-]") : flags;
}

function placeOf(argument: Command["registeredArguments"][number]): string {
  const shown = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${shown}>` : `[${shown}]`;
}

function layOut(term: string, termWidth: number, description: string, helper: Help): string {
  const columns = (helper.helpWidth ?? 80) - termWidth - 4;
  const lines = helper.boxWrap(description, columns).split("\n");
  const padding = " ".repeat(termWidth + 2 - helper.displayWidth(term));
  return `  ${term}${padding}${lines.join(`\n${" ".repeat(termWidth + 4)}`)}`;
}

function section(title: string, items: readonly string[], helper: Help): string {
  return `${helper.styleTitle(title)}\n${items.join("\n")}`;
}

/** Each in one line with its purpose, or, if one doesn't fit, in two. */
function showExamples(given: readonly Example[], columns: number): string {
  const typed = given.map(([line, purpose]) => [line.replaceAll("sluice ", shellCommand("")), purpose] as const);
  const width = Math.max(...typed.map(([line]) => line.length));
  const isBeside = typed.every(([, purpose]) => 2 + width + 3 + purpose.length <= columns);
  return typed
    .map(([line, purpose]) => (isBeside ? `  ${line.padEnd(width)}   ${purpose}` : `  # ${purpose}\n  ${line}`))
    .join("\n");
}

/** A line with a term in it, `  wait   nothing more is read`, goes on below its description. */
function wrapNote(note: string, columns: number, helper: Help): string {
  const lines = note.split("\n").map((line) => {
    const [term = ""] = /^ +\S+ {2,}/.exec(line) ?? [];
    const rest = helper.boxWrap(line.slice(term.length), Math.max(20, columns - term.length));
    return `${term}${rest.replaceAll("\n", `\n${" ".repeat(term.length)}`)}`;
  });
  return lines.join("\n");
}

function indent(text: string, columns: number): string {
  return text.replaceAll(/^(?=.)/gm, " ".repeat(columns));
}
