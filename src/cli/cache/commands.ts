import type { Command } from "commander";
import { describeKeys, OPERATOR_KEYS } from "../../config/environment.ts";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { addSettingOptions } from "../options.ts";

const NOTES = `
These commands call a running gateway, at --url or at --host and --port.
${describeKeys(OPERATOR_KEYS).trimStart()}`;

/** Adds `sluice cache`, with commands for the cache of a running gateway. */
export function addCacheCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const cache = program
    .command("cache")
    .description("show or clear a running gateway's response cache, or warm its presets")
    .addHelpText("after", NOTES);

  const stats = cache
    .command("stats")
    .description("show the cache's contents and its hits since the start")
    .option("--json", "print it as JSON")
    .action(async (flags: Flags) => {
      const { cacheStats } = await import("./manage.ts");
      done(await cacheStats(flags, context));
    });

  const clear = cache
    .command("clear")
    .description("remove all answers, or those of one model, key or preset")
    .option("--model <model>", "only those of this model, by its id")
    .option("--key <key>", "only those of this key, by its id")
    .option("--preset <preset>", "only those of this preset, by its id")
    .option("--json", "print the number of removed answers as JSON")
    .action(async (flags: Flags) => {
      const { cacheClear } = await import("./manage.ts");
      done(await cacheClear(flags, context));
    });

  const warm = cache
    .command("warm")
    .description("prefill presets' texts and cache their likely answers while the gateway is idle")
    .option("--preset <preset>", "only this preset, by its id")
    .option("--json", "print the presets as JSON")
    .action(async (flags: Flags) => {
      const { cacheWarm } = await import("./manage.ts");
      done(await cacheWarm(flags, context));
    });

  for (const command of [stats, clear, warm]) {
    command
      .option("--url <url>", "URL of the gateway, such as http://127.0.0.1:8080")
      .addHelpText("after", describeKeys(OPERATOR_KEYS));
    addSettingOptions(command, ["host", "port"], { host: "host of the gateway", port: "port of the gateway" });
  }
}
