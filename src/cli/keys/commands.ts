import type { Command } from "commander";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { addExamples, addNotes } from "../help.ts";
import { addSettingOptions } from "../options.ts";
import { addPolicyOptions } from "./policy-flags.ts";

const NOTES =
  "These commands work on the state file, not over a gateway: run them where the gateway runs, with its state file. " +
  "A running gateway with the same state file applies every change automatically.";

export const KEYS_STATE = { stateFile: "SQLite file with the keys and their usage: the gateway's state file" };

/** Adds `sluice keys` and its commands. */
export function addKeysCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const keys = program.command("keys").description("create, list, rotate and revoke client keys");

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
    .option("--json", "print it as JSON")
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

  addExamples(
    create,
    ["sluice keys create alice", "a key without limits"],
    ["sluice keys create ci --expires 30d --class batch", "a key that expires, for batch work"],
    ["sluice keys create app --requests-per-minute 60 --tokens-per-day 1000000 --models smollm2", "one with limits"],
  );
  addExamples(list, ["sluice keys list", "all of them, with their limits"]);
  addExamples(revoke, ["sluice keys revoke ci", "refuse it from now on"]);
  addExamples(rotate, ["sluice keys rotate app --grace 24h", "new secret; the old one works for one more day"]);
  for (const command of [keys, create, list, revoke, rotate]) addNotes(command, NOTES);
  for (const command of [create, revoke, rotate])
    addSettingOptions(command, ["stateFile"], { descriptions: KEYS_STATE });
  addSettingOptions(list, ["stateFile", "keysFile"], { descriptions: KEYS_STATE });
}
