import { PassThrough } from "node:stream";
import type { Command } from "commander";
import { examplesOf, optionTerm } from "../../src/cli/help.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { settings } from "../../src/config/settings.ts";
import { shellCommand } from "../../src/version.ts";

const INTRODUCTION = `# Command line

This page is generated from the commands themselves (\`npm run docs:cli\`); their help says the same. In a checkout, \`sluice\` is \`npm run sluice --\`.

Without a command, \`sluice\` serves. \`sluice --help\` lists the commands, \`sluice COMMAND --help\` shows one, and \`sluice serve --help\` the settings.

## The gateway that a command asks

In this order:

1. \`--url\`, then \`--host\` and \`--port\`, then the variable \`SLUICE_URL\`;
2. the gateway that runs at the address of the settings (http://127.0.0.1:8080 by default), if it serves the \`--model\`;
3. commands that ask a model start a gateway of their own on a free port of this machine, which ends with the command. Commands that look after a gateway need one.

Its key is taken from \`SLUICE_API_KEY\`, or from \`SLUICE_ADMIN_KEY\` for commands that look after a gateway; each takes the other's place if it is not set. \`--api-key\` overrides both, but other users of the machine can see it.

## Output

Answers and tables go to stdout, and everything else to stderr: progress, logs and errors. \`--json\` prints data as JSON. Progress moves only on a terminal; elsewhere it is a few plain lines.
Output is coloured on a terminal, unless \`NO_COLOR\` is set or \`TERM\` is \`dumb\`; \`FORCE_COLOR\` colours it anywhere, and \`FORCE_COLOR=0\` nowhere.

## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | failed: also findings that were asked for, such as \`doctor\` on a machine that can't serve, or \`eval\` below \`--min-accuracy\` |
| 2 | wrong usage: an unknown command or flag, or a setting that is not allowed |
| 3 | no gateway responds |
| 4 | the gateway has refused: a wrong key, no permission, a request that it can't fulfil; an unknown model or preset, also where no gateway was asked |
| 5 | the gateway can't now: it is full, or a limit is reached; try again later |
| 129, 130, 143 | ended by SIGHUP, SIGINT (Ctrl+C) or SIGTERM |
`;

/** The whole page. */
export function renderCliPage(): string {
  const nowhere = new PassThrough();
  const program = buildProgram(
    { stdout: nowhere, stderr: nowhere, env: {}, cwd: "/", process: { on() {}, off() {}, exit() {} } },
    () => {},
  );
  const help = program.createHelp();
  const groups = Map.groupBy(help.visibleCommands(program), (command) => command.helpGroup());
  const overview = [...groups].map(([group, commands]) => {
    const rows = commands.map(
      (each) => `| \`${help.subcommandTerm(each)}\` | ${escapeCell(help.subcommandDescription(each))} |`,
    );
    return `### ${group.replace(":", "")}\n\n| command | |\n|---|---|\n${rows.join("\n")}\n`;
  });
  const details = program.commands.flatMap(describe);
  return `${[INTRODUCTION, "## Commands\n", ...overview, "## Each command\n", ...details].join("\n").trimEnd()}\n`;
}

function describe(command: Command): readonly string[] {
  if (command.name() === "help") return [];
  const help = command.createHelp();
  const path = pathOf(command);
  const parts = [`### ${path}\n`, `${capitalize(command.description())}.\n`];
  const args =
    command.registeredArguments.length === 0 ? "" : ` ${help.subcommandTerm(command).split(" ").slice(1).join(" ")}`;
  if (command.commands.length === 0 || args !== "") parts.push(`    ${path} [options]${args}\n`);
  const options = help.visibleOptions(command).filter(({ long }) => long !== "--help" && long !== "--version");
  const isAll = options.length > settings.length;
  const shown = isAll ? options.filter(({ long }) => !settings.some(({ flag }) => flag === long)) : options;
  if (shown.length > 0) {
    const rows = shown.map(
      (option) =>
        `| \`${optionTerm(option).replaceAll("|", "\\|")}\` | ${escapeCell(help.optionDescription(option))} |`,
    );
    parts.push(`| option | |\n|---|---|\n${rows.join("\n")}\n`);
  }
  if (isAll) parts.push(`And all settings, which \`sluice serve --help\` lists.\n`);
  const own = command.commands.length === 0 || args !== "" ? examplesOf(command) : [];
  if (own.length > 0) parts.push(`${own.map(([line, purpose]) => `    # ${purpose}\n    ${line}`).join("\n")}\n`);
  return [...parts, ...command.commands.flatMap(describe)];
}

function pathOf(command: Command): string {
  return command.parent === null ? "sluice" : `${pathOf(command.parent)} ${command.name()}`;
}

function capitalize(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

function escapeCell(text: string): string {
  return text.replaceAll(shellCommand(""), "sluice ").replaceAll("|", "\\|").replaceAll("<", "&lt;");
}
