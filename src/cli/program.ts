import { Command } from "commander";
import type { Flags } from "../config/load.ts";
import { readVersion, shellCommand } from "../version.ts";
import { addAskCommands } from "./ask/commands.ts";
import { addAssistCommand } from "./assist/commands.ts";
import { addBatchCommand } from "./batch/commands.ts";
import { addCacheCommand } from "./cache/commands.ts";
import { addChatCommand } from "./chat/commands.ts";
import { addCompareCommand } from "./compare/commands.ts";
import { addCompletionCommand } from "./completion/commands.ts";
import { addConnectCommand } from "./connect/commands.ts";
import type { CliContext } from "./context.ts";
import { addFeedCommand } from "./feed/commands.ts";
import { addExamples, addNotes, HELP_FORMAT, helpColumns } from "./help.ts";
import { addHelpCommands, refuseUnknown } from "./help-commands.ts";
import { InterruptedError } from "./interrupts.ts";
import { addKeysCommand } from "./keys/commands.ts";
import { addMachineCommands } from "./machine-commands.ts";
import { addMcpCommand } from "./mcp/commands.ts";
import { addModelCommands } from "./model-commands.ts";
import { addAllSettings } from "./options.ts";
import { addPipeCommand } from "./pipe/commands.ts";
import { addEvalCommand, addRunCommand } from "./preset-commands.ts";
import { addLogsCommand, addUsageCommand } from "./record-commands.ts";
import { addRouteCommand } from "./route-commands.ts";
import { addLoadCommands, addPsCommand, addReloadCommand, addStopCommand, addTopCommand } from "./running-commands.ts";
import { addServiceCommand } from "./service/commands.ts";
import { addShadowCommand } from "./shadow/commands.ts";
import { hasColours } from "./style.ts";
import { addWhatIfCommand } from "./what-if/commands.ts";

const VERSION_OPTION = ["--version", "print the version"] as const;

const NOTES = `Without a command, Sluice serves. Its settings are flags of \`serve\`: \`${shellCommand("serve --help")}\` lists them.
Each command has its own help: \`${shellCommand("COMMAND --help")}\`.`;

const SERVE_NOTES =
  "Flags override environment variables, which override the settings file, which overrides the defaults. " +
  "A list is a flag that is repeated, a variable with commas, or a list in the file.";

/**
 * The command line. Parsing it runs a command and calls `done` with its exit code. Invalid arguments, `--help` and `--version` are thrown as
 * commander's errors.
 */
export function buildProgram(context: CliContext, done: (exitCode: number) => void): Command {
  const { stdout, stderr, env } = context;
  const program = new Command(shellCommand("").trim())
    .description(
      "An OpenAI-compatible gateway in front of language models that run on your own machine or on other servers.",
    )
    .usage("[command] [options]")
    .version(readVersion(), ...VERSION_OPTION)
    .helpOption("-h, --help", "print this help")
    .exitOverride()
    .showHelpAfterError(
      `\`${shellCommand("--help")}\` lists the commands, and \`${shellCommand("serve --help")}\` the settings.`,
    )
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      getOutHelpWidth: () => helpColumns(stdout, stderr),
      getErrHelpWidth: () => helpColumns(stderr, stdout),
      getOutHasColors: () => hasColours(stdout, env),
      getErrHasColors: () => hasColours(stderr, env),
    })
    .configureHelp(HELP_FORMAT)
    .hook("preAction", (_, command) => {
      // A gateway reloads at it, once it runs. Other commands end.
      if (command !== serve && context.hangUps?.release() === true) throw new InterruptedError("SIGHUP");
    });
  addNotes(program, NOTES);
  addExamples(
    program,
    ["sluice serve", "serve the default model on http://127.0.0.1:8080"],
    ["sluice serve --model gemma-3-270m --port 9000", "serve another model from the catalogue"],
    ["sluice pull hf:owner/repo:Q4_K_M", "download a model, to serve it later"],
    ["sluice keys create alice", "create a key; from then on requests need one"],
    ["sluice chat", "chat with it in this terminal"],
    ["git diff | sluice run commit-message", "run a prompt preset"],
    ["sluice batch run in.jsonl -o out.jsonl", "run a file of requests"],
    ["sluice doctor --gpu cuda", "check whether this machine can serve with CUDA"],
  );

  // A command's module is loaded when it runs, because `--help` needs neither the engine nor the server.
  program.commandsGroup("Serve:");
  const serve = program
    .command("serve", { isDefault: true })
    .description("download missing models, then serve them (the default command)")
    .version(readVersion(), ...VERSION_OPTION)
    .allowExcessArguments()
    .action(async (flags: Flags, command: Command) => {
      refuseWords(command, program);
      // The worker loads its code while this process reads its own.
      const { prepareWorker } = await import("../engine/host/worker-child.ts");
      prepareWorker();
      const { serve } = await import("./serve.ts");
      done(await serve(flags, context));
    });
  addNotes(serve, SERVE_NOTES);
  addAllSettings(serve);
  addExamples(
    serve,
    ["sluice serve --port 9000 --slots 8", "use another port and run eight requests at once"],
    ["sluice serve --model ./mine.gguf --context 8192", "serve a local file"],
    ["sluice serve --upstream up=http://10.0.0.5:8000", "serve another server's models"],
    ["sluice serve --no-pages --no-warm-presets", "turn off what is on by default"],
  );
  addReloadCommand(program, context, done);
  addStopCommand(program, context, done);

  program.commandsGroup("Models:");
  addModelCommands(program, context, done);
  addCompareCommand(program, context, done);
  addPsCommand(program, context, done);
  addTopCommand(program, context, done);
  addLoadCommands(program, context, done);

  program.commandsGroup("Ask:");
  addChatCommand(program, context, done);
  addRunCommand(program, context, done);
  addAskCommands(program, context, done);
  addAssistCommand(program, context, done);
  addConnectCommand(program, context, done);
  addMcpCommand(program, context, done);

  program.commandsGroup("Ask many times:");
  addBatchCommand(program, context, done);
  addPipeCommand(program, context, done);
  addFeedCommand(program, context, done);
  addEvalCommand(program, context, done);

  program.commandsGroup("Keys, routes and records:");
  addKeysCommand(program, context, done);
  addUsageCommand(program, context, done);
  addCacheCommand(program, context, done);
  addRouteCommand(program, context, done);
  addShadowCommand(program, context, done);
  addWhatIfCommand(program, context, done);
  addLogsCommand(program, context, done);

  program.commandsGroup("Machine:");
  addMachineCommands(program, context, done);
  addServiceCommand(program, context, done);
  addCompletionCommand(program, context, done);
  addHelpCommands(program);
  return program;
}

/** An unknown command becomes an argument of the default command `serve`, which takes none. */
function refuseWords(serve: Command, program: Command): void {
  const [word] = serve.args;
  if (word === undefined) return;
  if (program.commands.every((command) => command.name() !== word)) refuseUnknown(program, word);
  serve.error(`error: unknown command '${word}'. Put the command before its flags: ${shellCommand(word)} …`);
}
