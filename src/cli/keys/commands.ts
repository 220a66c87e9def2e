import type { Command } from "commander";
import type { Flags } from "../../config/load.ts";
import { shellCommand } from "../../version.ts";
import type { CliContext } from "../context.ts";
import { addSettingOptions } from "../options.ts";
import { addPolicyOptions } from "./policy-flags.ts";

const EXAMPLES = `
Examples:
  sluice keys create alice                                       a key without limits
  sluice keys create ci --expires 30d --class batch              a key that expires, for batch work
  sluice keys create app --requests-per-minute 60 --tokens-per-day 1000000 --models smollm2
  sluice keys rotate app --grace 24h                             new secret; the old one works for one more day
  sluice keys revoke ci                                          revoke it at once

A running gateway with the same state file applies every change automatically.
`.replaceAll("sluice ", shellCommand(""));

export const KEYS_STATE = { stateFile: "SQLite file with the keys and their usage: the gateway's state file" };

/** Adds `sluice keys` and its commands. */
export function addKeysCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const keys = program
    .command("keys")
    .description("create, list, rotate and revoke client keys")
    .addHelpText("after", EXAMPLES);

  const create = keys
    .command("create <name>")
    .description("create a key and print its secret once")
    .option("--json", "print it as JSON")
    .action(async (name: string, flags: Flags) => {
      const { createKey } = await import("./change.ts");
      done(await createKey(name, flags, context));
    });
  addPolicyOptions(create);

  const list = keys
    .command("list")
    .description("list all keys with their limits, without their secrets")
    .option("--json", "print them as JSON")
    .action(async (flags: Flags) => {
      const { list } = await import("./list.ts");
      done(list(flags, context));
    });

  const revoke = keys
    .command("revoke <key>")
    .description("revoke a key at once, by its id or name")
    .action(async (key: string, flags: Flags) => {
      const { revoke } = await import("./change.ts");
      done(revoke(key, flags, context));
    });

  const rotate = keys
    .command("rotate <key>")
    .description("give a key a new secret, by its id or name, and print the secret once")
    .option("--grace <time>", "how long the old secret stays valid, such as 24h (default: not at all)")
    .option("--json", "print it as JSON")
    .action(async (key: string, flags: Flags) => {
      const { rotate } = await import("./change.ts");
      done(rotate(key, flags, context));
    });

  for (const command of [create, revoke, rotate]) addSettingOptions(command, ["stateFile"], KEYS_STATE);
  addSettingOptions(list, ["stateFile", "keysFile"], KEYS_STATE);
}
