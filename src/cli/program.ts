import { Command, Help } from "commander";
import { describeKeys, OPERATOR_KEYS } from "../config/environment.ts";
import type { Flags } from "../config/load.ts";
import { didYouMean } from "../config/suggest.ts";
import { readVersion, shellCommand } from "../version.ts";
import { addBatchCommand } from "./batch/commands.ts";
import { addCacheCommand } from "./cache/commands.ts";
import type { CliContext } from "./context.ts";
import { addFeedCommand } from "./feed/commands.ts";
import { InterruptedError } from "./interrupts.ts";
import { addKeysCommand, KEYS_STATE } from "./keys/commands.ts";
import { addSettingOptions, optionTerm } from "./options.ts";
import { addPipeCommand } from "./pipe/commands.ts";
import { addPresetCommands, GATEWAY_SETTINGS, URL_OPTION } from "./preset-commands.ts";
import { addShadowCommand } from "./shadow/commands.ts";
import { addVersionCommands } from "./version-commands.ts";
import { addWhatIfCommand } from "./what-if/commands.ts";

/** The width of the help outside a terminal. */
const PLAIN_COLUMNS = 120;

const VERSION_OPTION = ["--version", "print the version"] as const;

const EXAMPLES = `
Examples:
  sluice                                         serve the default model on http://127.0.0.1:8080
  sluice --port 9000 --slots 8                   use another port and run eight requests at once
  sluice --model gemma-3-270m                    serve another model from the catalogue
  sluice --model ./mine.gguf --context 8192      serve a local file
  sluice pull hf:owner/repo:Q4_K_M               download a model, to serve it later
  sluice doctor --gpu cuda                       check whether this machine can serve with CUDA
  sluice keys create alice                       create a key; from then on requests need one
  git diff | sluice run commit-message           run a prompt preset
  sluice batch run in.jsonl -o out.jsonl         run a file of requests
  tail -f app.log | sluice pipe --preset x       answer lines as they come
  sluice config --slots 8                        show the settings in effect, and where each value comes from

Flags override environment variables, which override the settings file, which overrides the defaults.
`.replaceAll("sluice ", shellCommand(""));

/**
 * The command line. Parsing it runs a command and calls `done` with its exit code. Invalid arguments, `--help` and `--version` are thrown as
 * commander's errors.
 */
export function buildProgram(context: CliContext, done: (exitCode: number) => void): Command {
  const program = new Command(shellCommand("").trim())
    .description(
      "An OpenAI-compatible gateway in front of language models that run on your own machine or on other servers.",
    )
    .version(readVersion(), ...VERSION_OPTION)
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print a command's help")
    .exitOverride()
    .showHelpAfterError(`\`${shellCommand("--help")}\` lists commands and flags.`)
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      getOutHelpWidth: () => context.stdout.columns ?? PLAIN_COLUMNS,
      getErrHelpWidth: () => context.stderr.columns ?? PLAIN_COLUMNS,
    })
    .configureHelp({ optionTerm })
    .hook("preAction", (_, command) => {
      // A gateway reloads at it, once it runs. Other commands end.
      if (command !== serve && context.hangUps?.release() === true) throw new InterruptedError("SIGHUP");
    })
    .addHelpText("after", EXAMPLES);

  // A command's module is loaded when it runs, because `--help` needs neither the engine nor the server.
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
  addSettingOptions(serve);

  const pull = program
    .command("pull <name...>")
    .description("download models: catalogue names, hf:owner/repo:QUANT or https: URLs")
    .action(async (names: readonly string[], flags: Flags) => {
      const { pull } = await import("./pull.ts");
      done(await pull(names, flags, context));
    });
  addSettingOptions(pull, ["modelsDir"]);

  const models = program
    .command("models")
    // The flags after its subcommand are not its own.
    .enablePositionalOptions()
    .description("list the catalogue and which models are downloaded")
    .action(async (flags: Flags) => {
      const { models } = await import("./models.ts");
      done(await models(flags, context));
    });
  addSettingOptions(models, ["modelsDir"]);
  addVersionCommands(models, context, done);

  const ps = program
    .command("ps")
    .description("list a running gateway's own models: state, memory, and when each is unloaded")
    .option("--url <url>", "URL of the gateway, such as http://127.0.0.1:8080")
    .option("--json", "print it as JSON")
    .addHelpText("after", describeKeys(OPERATOR_KEYS))
    .action(async (flags: Flags) => {
      const { ps } = await import("./ps.ts");
      done(await ps(flags, context));
    });
  addSettingOptions(ps, ["host", "port"], { host: "host of the gateway", port: "port of the gateway" });

  addKeysCommand(program, context, done);
  addBatchCommand(program, context, done);
  addPipeCommand(program, context, done);
  addFeedCommand(program, context, done);
  addCacheCommand(program, context, done);
  addShadowCommand(program, context, done);
  addWhatIfCommand(program, context, done);

  const reload = program
    .command("reload")
    .description("have a running gateway read its settings again, and show what has changed")
    .option("--url <url>", "URL of the gateway, such as http://127.0.0.1:8080")
    .option("--json", "print it as JSON")
    .addHelpText("after", describeKeys(OPERATOR_KEYS))
    .action(async (flags: Flags) => {
      const { reload } = await import("./reload.ts");
      done(await reload(flags, context));
    });
  addSettingOptions(reload, ["host", "port"], { host: "host of the gateway", port: "port of the gateway" });

  const usage = program
    .command("usage")
    .description("show the usage of each key, by model and day (UTC)")
    .option("--key <key>", "only this key, by its id or name")
    .option("--model <model>", "only this model, by its id")
    .option("--since <when>", "first day: a date such as 2026-11-01, or a time before now such as 7d")
    .option("--json", "print it as JSON")
    .action(async (flags: Flags) => {
      const { usage } = await import("./usage.ts");
      done(usage(flags, context));
    });
  addSettingOptions(usage, ["stateFile"], KEYS_STATE);

  program
    .command("logs [file]")
    .description("show a gateway's log, from a file or piped in, in readable lines, all or those that match")
    .option("--errors", "only failures")
    .option("--requests", "only requests")
    .option("--status <status>", "only requests with this status, such as 429 or 5xx")
    .option("--slow <time>", "only requests that took at least this long, such as 2s")
    .option("--model <model>", "only requests for this model, by its id")
    .option("--key <key>", "only requests of this key, by its id or name")
    .option("--preset <preset>", "only requests with this preset")
    .option("--path <path>", "only requests whose path begins so")
    .option("--id <id>", "only the request with this id, Sluice's or the client's")
    .option("--level <level>", "only lines of this level and above")
    .option("--since <when>", "only lines since then: a time before now such as 10m, or a date")
    .option("-f, --follow", "wait for more lines, also after the file was replaced")
    .option("--json", "print the lines as they are")
    .action(async (file: string | undefined, flags: Flags) => {
      const { logs } = await import("./logs.ts");
      done(await logs(file, flags, context));
    });

  const config = program
    .command("config")
    .description("print the settings in effect and where each came from")
    .option("--json", "print them as JSON")
    .action(async (flags: Flags) => {
      const { config } = await import("./config.ts");
      done(await config(flags, context));
    });
  addSettingOptions(config);

  const route = program
    .command("route")
    // The flags after its subcommand are not its own.
    .enablePositionalOptions()
    .description("list the routes, or show which targets a request would be sent to")
    .option(
      "--explain <route>",
      "show the order in which this route would ask its targets, and why others are excluded",
    )
    .option("--class <class>", "the request's class: interactive, default or batch")
    .option("--tokens <number>", "tokens of its prompt")
    .option("--answer-tokens <number>", "tokens of its answer")
    .option("--needs <needs>", "what it needs: tools, schemas, logprobs, images, with commas between")
    .option("--key <key>", "id or name of its key")
    .option("--used <share>", "share of its token limit that the key has used, from 0 to 1")
    .option("--preset <preset>", "id of its preset")
    .option("--session <session>", "id of its session, by which it is assigned to one of the targets with weights")
    .option("--local-only", "only targets that are local may answer it")
    .option("--at <time>", "the time of the request, such as 2026-11-29T23:00Z; now if absent")
    .option(
      "--wait <model=time>",
      "predicted time to a target's first token, such as small=5s; may be repeated",
      collect,
    )
    .option("--url <url>", "URL of a running gateway, to explain by its waits, states and prices of this moment")
    .option("--json", "print the decision as JSON")
    .addHelpText("after", describeKeys(OPERATOR_KEYS))
    .action(async (flags: Flags) => {
      const { route } = await import("./route.ts");
      done(await route(flags, context));
    });
  addSettingOptions(route, ["model", "upstreams", "aliases", "routes"]);

  const calibrate = route
    .command("calibrate <route> [preset]")
    .description("run test cases of presets with both models of a cascade, to find its threshold")
    .option("--json", "print everything as JSON")
    .option(...URL_OPTION)
    .addHelpText("after", describeKeys(OPERATOR_KEYS))
    .action(async (name: string, preset: string | undefined, flags: Flags) => {
      const { calibrate } = await import("./calibrate.ts");
      done(await calibrate(name, preset, flags, context));
    });
  addSettingOptions(calibrate, [...GATEWAY_SETTINGS, "upstreams", "routes"]);

  const doctor = program
    .command("doctor")
    .description(
      "check the machine, the settings and the models, and report what Sluice will use and what prevents it from serving",
    )
    .option("--verify", "also compare each model's SHA-256, which reads whole files")
    .option("--json", "print the findings as JSON")
    .action(async (flags: Flags) => {
      const { doctor } = await import("./doctor.ts");
      done(await doctor(flags, context));
    });
  addSettingOptions(doctor);

  addPresetCommands(program, context, done);

  // `sluice` without a command serves, so its help shows the flags of `serve`. Set last, because commands copy this setting.
  program.configureHelp({
    optionTerm,
    visibleOptions: (command) => new Help().visibleOptions(command === program ? serve : command),
  });
  return program;
}

function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

/** An unknown command becomes an argument of the default command `serve`, which takes none. */
function refuseWords(serve: Command, program: Command): void {
  const [word] = serve.args;
  if (word === undefined) return;
  const names = program.commands.map((command) => command.name());
  const hint = names.includes(word)
    ? ` Put the command before its flags: ${shellCommand(word)} …`
    : didYouMean(word, names) || ` Commands: ${names.join(", ")}.`;
  serve.error(`error: unknown command '${word}'.${hint}`);
}
