import type { Command } from "commander";
import { ADMIN_KEY_VARIABLE } from "../../config/environment.ts";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { addSettingOptions } from "../options.ts";

const NOTES = `
A running gateway is asked, at --host and --port as they are set, or at --url. Where there are keys, ${ADMIN_KEY_VARIABLE} is to hold one that was
made with --admin.
`;

/** Adds `sluice cache`, with commands for the cache of a running gateway. */
export function addCacheCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const cache = program
    .command("cache")
    .description("tell what a running gateway's response cache holds, have it forget, or have presets warmed")
    .addHelpText("after", NOTES);

  const stats = cache
    .command("stats")
    .description("tell what it holds, and what it has done since the start")
    .option("--json", "print it as JSON")
    .action(async (flags: Flags) => {
      const { cacheStats } = await import("./manage.ts");
      done(await cacheStats(flags, context));
    });

  const clear = cache
    .command("clear")
    .description("forget all answers, or those of a model, of a key, of a preset")
    .option("--model <model>", "only those of this model, by its id")
    .option("--key <key>", "only those of this key, by its id")
    .option("--preset <preset>", "only those of this preset, by its id")
    .option("--json", "print how many they were as JSON")
    .action(async (flags: Flags) => {
      const { cacheClear } = await import("./manage.ts");
      done(await cacheClear(flags, context));
    });

  const warm = cache
    .command("warm")
    .description("have presets' likely answers generated and their texts evaluated, while nobody is served")
    .option("--preset <preset>", "only this preset, by its id")
    .option("--json", "print which they are as JSON")
    .action(async (flags: Flags) => {
      const { cacheWarm } = await import("./manage.ts");
      done(await cacheWarm(flags, context));
    });

  for (const command of [stats, clear, warm]) {
    command.option("--url <url>", "where the gateway is, such as http://127.0.0.1:8080");
    addSettingOptions(command, ["host", "port"]);
  }
}
