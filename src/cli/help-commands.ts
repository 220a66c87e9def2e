import { Command } from "commander";
import { didYouMean } from "../config/suggest.ts";
import { shellCommand } from "../version.ts";

/** Adds `help [command...]` to the program and to each group of commands, and has their help refuse what is no command of theirs. */
export function addHelpCommands(program: Command): void {
  program.addCommand(makeHelp(program).helpGroup("Machine:"));
  for (const command of leavesIn(program)) {
    // Those of the default command are the program's own.
    if (command.name() === "serve") continue;
    command.showHelpAfterError(`\`${shellCommand(`${pathOf(command)} --help`)}\` lists its arguments and options.`);
  }
  for (const group of groupsIn(program)) {
    if (group !== program) {
      group.addCommand(makeHelp(group), { hidden: true });
      group.showHelpAfterError(`\`${shellCommand(`${pathOf(group)} --help`)}\` lists its commands.`);
    }
    // `nosuch --help` would print the help of the group, and be no failure.
    group.on("beforeHelp", () => {
      const [word] = group.args;
      if (word === undefined || word.startsWith("-") || group.registeredArguments.length > 0) return;
      if (findCommand(group, word) === undefined) refuseUnknown(group, word);
    });
  }
}

/** Ends the program with an error line that names the nearest command. */
export function refuseUnknown(group: Command, word: string): never {
  const names = group.commands.map((command) => command.name());
  return group.error(`error: unknown command '${word}'.${didYouMean(word, names)}`, {
    code: "commander.unknownCommand",
  });
}

function makeHelp(group: Command): Command {
  return new Command("help")
    .argument("[command...]")
    .description("print a command's help")
    .helpOption(false)
    .copyInheritedSettings(group)
    .action((words: readonly string[]) => {
      let found = group;
      for (const word of words) {
        const next = findCommand(found, word) ?? refuseUnknown(found, word);
        found = next;
      }
      // What was asked for is no word of its command line.
      found.args = [];
      found.help();
    });
}

function findCommand(group: Command, word: string): Command | undefined {
  return group.commands.find((command) => command.name() === word || command.aliases().includes(word));
}

function groupsIn(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [] : [command, ...command.commands.flatMap(groupsIn)];
}

function leavesIn(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesIn);
}

/** Such as `service install`. */
function pathOf(command: Command): string {
  const { parent } = command;
  return parent?.parent ? `${pathOf(parent)} ${command.name()}` : command.name();
}
