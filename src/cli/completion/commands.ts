import { type Command, Option } from "commander";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { addExamples, addNotes } from "../help.ts";

/** Adds `sluice completion`. */
export function addCompletionCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const completion = program
    .command("completion <shell>")
    .allowExcessArguments()
    .summary("print a script by which bash, zsh or fish completes commands, flags and names")
    .description("print a script by which bash, zsh or fish completes commands, flags, and names of models and presets")
    // What a command line has is no flag of this command.
    .passThroughOptions()
    .addOption(new Option("--candidates", "print what the script asks for").hideHelp())
    .action(async (shell: string, flags: Flags, command: Command) => {
      const { printCandidates, printScript } = await import("./completion.ts");
      done(
        flags.candidates === true
          ? await printCandidates(program, shell, command.args.slice(1), context)
          : printScript(shell, context),
      );
    });
  addNotes(
    completion,
    "For this shell alone: `source <(sluice completion bash)`, the same for zsh after compinit, or `sluice completion fish | source`.",
    "Names of models and presets are those on the disk and of a running gateway, if it answers at once (SLUICE_URL, --url, or the settings' address).",
  );
  addExamples(
    completion,
    ["sluice completion bash > ~/.local/share/bash-completion/completions/sluice", "for bash with bash-completion"],
    ["sluice completion zsh > ~/.zfunc/_sluice", "for zsh, if ~/.zfunc is in its fpath"],
    ["sluice completion fish > ~/.config/fish/completions/sluice.fish", "for fish"],
  );
}
