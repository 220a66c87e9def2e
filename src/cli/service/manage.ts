import { mkdir, rm } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import type { Flags } from "../../config/load.ts";
import { shellCommand } from "../../version.ts";
import { type CliContext, EXIT } from "../context.ts";
import { CommandError } from "../errors.ts";
import { formerOf, readOwn, replaceFile } from "./files.ts";
import { type Machine, thisMachine } from "./machine.ts";
import { managerOf, planService, scopeOf } from "./plan.ts";
import type { Scope } from "./service.ts";

/**
 * `sluice service install`: shows the service's file, and writes it and starts the service if the user agrees. Returns the exit code. Throws a
 * ConfigError for wrong settings, and a CommandError that says what to do.
 */
export async function install(flags: Flags, context: CliContext, machine: Machine = thisMachine): Promise<number> {
  const { stdout } = context;
  const scope = scopeOf(flags);
  const manager = managerOf(scope, machine, context.env);
  const service = await planService(scope, flags, context, machine);
  const text = manager.write(service);
  const former = await readOwn(manager.path);
  stdout.write(`${manager.path}:\n\n${text}\n`);
  if (flags.print === true) return EXIT.done;
  requireRoot(scope, machine, "install");
  const isNew = former !== text;
  if (former !== undefined && isNew)
    stdout.write(`It replaces the file there, which is kept as ${formerOf(manager.path)}.\n`);
  if (flags.yes !== true && !(await isAgreed(context, isNew ? "Write it" : "It is there already. Start it again"))) {
    stdout.write("Nothing was changed.\n");
    return EXIT.failed;
  }
  if (isNew) {
    if (former !== undefined) await replaceFile(formerOf(manager.path), former);
    // systemd makes the folder of a system service, for its user.
    if (scope === "user" || manager.name === "launchd") {
      const made = await mkdir(service.folder, { recursive: true });
      if (made !== undefined && service.runAs !== undefined)
        await runOrExplain(["chown", service.runAs, service.folder], machine);
    }
    await replaceFile(manager.path, text);
    stdout.write(`Written: ${manager.path}\n`);
  }
  if (flags.start === false) return EXIT.done;
  // launchd starts no service twice.
  if (manager.name === "launchd" && former !== undefined) for (const command of manager.end) await machine.run(command);
  for (const command of manager.begin) await runOrExplain(command, machine);
  stdout.write(`It runs, in ${service.folder}. Its state: ${shellCommand(`service status --${scope}`)}\n`);
  if (manager.name === "systemd") {
    stdout.write(`Its log: journalctl ${scope === "user" ? "--user " : ""}-u sluice -f\n`);
    if (scope === "user") stdout.write("It starts when you log in. To have it run always: loginctl enable-linger\n");
  } else {
    stdout.write(`Its log: ${service.logFile}\n`);
  }
  return EXIT.done;
}

/** `sluice service remove`: stops the service and removes its file, if Sluice has written it. Models, state and settings stay. */
export async function remove(flags: Flags, context: CliContext, machine: Machine = thisMachine): Promise<number> {
  const { stdout } = context;
  const scope = scopeOf(flags);
  const manager = managerOf(scope, machine, context.env);
  const former = await readOwn(manager.path);
  if (former === undefined) {
    stdout.write(`No service is installed: there is no ${manager.path}.\n`);
    return EXIT.done;
  }
  requireRoot(scope, machine, "remove");
  if (flags.yes !== true && !(await isAgreed(context, `Stop the service and remove ${manager.path}`))) {
    stdout.write("Nothing was changed.\n");
    return EXIT.failed;
  }
  // It may have been stopped, or its manager may be gone: the file goes all the same.
  for (const command of manager.end) await tryTo(command, machine, context);
  await rm(manager.path);
  await rm(formerOf(manager.path), { force: true });
  for (const command of manager.forget) await tryTo(command, machine, context);
  stdout.write(`Removed: ${manager.path}. Models, state and settings stay where they are.\n`);
  return EXIT.done;
}

/** `sluice service status`: exits with 0 if the service runs, else with 1. */
export async function status(flags: Flags, context: CliContext, machine: Machine = thisMachine): Promise<number> {
  const scope = scopeOf(flags);
  const manager = managerOf(scope, machine, context.env);
  const isInstalled = (await readOwn(manager.path)) !== undefined;
  const { code, output } = isInstalled ? await machine.run(manager.state) : { code: 1, output: "" };
  const isRunning = code === 0;
  // launchd prints pages.
  const [state = ""] = output.split("\n");
  if (flags.json === true) {
    context.stdout.write(
      `${JSON.stringify({ scope, path: manager.path, installed: isInstalled, running: isRunning })}\n`,
    );
  } else if (!isInstalled) {
    context.stdout.write(`No service is installed: there is no ${manager.path}.\n`);
  } else {
    context.stdout.write(`${manager.path}: ${isRunning ? "running" : `not running (${state})`}\n`);
  }
  return isRunning ? EXIT.done : EXIT.failed;
}

function requireRoot(scope: Scope, { userId }: Machine, word: string): void {
  if (scope === "user" || userId === 0) return;
  throw new CommandError(
    `A service of the whole machine needs root: sudo ${shellCommand(`service ${word} --system`)}. Or use --user.`,
  );
}

async function isAgreed({ stdin, stdout }: CliContext, question: string): Promise<boolean> {
  if (stdin?.isTTY !== true) {
    throw new CommandError("There is no terminal to ask on, so nothing was changed. Agree with --yes.");
  }
  const asking = createInterface({ input: stdin, output: stdout });
  try {
    return /^y(es)?$/i.test((await asking.question(`${question}? [y/N] `)).trim());
  } finally {
    asking.close();
  }
}

async function runOrExplain(command: readonly string[], machine: Machine): Promise<void> {
  const { code, output } = await machine.run(command);
  if (code === 0) return;
  throw new CommandError(
    `The file is written, but \`${command.join(" ")}\` failed: ${output}. Once its cause is gone, run the same command again; \`${shellCommand("service remove")}\` takes the file away.`,
  );
}

async function tryTo(command: readonly string[], machine: Machine, { stderr }: CliContext): Promise<void> {
  const { code, output } = await machine.run(command);
  if (code !== 0) stderr.write(`\`${command.join(" ")}\` failed: ${output}\n`);
}
