import type { Command } from "commander";
import { OPERATOR_KEYS } from "../../config/environment.ts";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { addRunningOptions } from "../gateway-options.ts";
import { addExamples } from "../help.ts";

/** Adds `sluice cache`, with commands for the cache of a running gateway. */
export function addCacheCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const cache = program
    .command("cache")
    .description("show or clear a running gateway's response cache, or warm its presets");

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

  addExamples(stats, ["sluice cache stats", "what the cache holds, and how often it answered"]);
  addExamples(
    clear,
    ["sluice cache clear", "after a change that makes all answers wrong"],
    ["sluice cache clear --preset translate", "only those of one preset"],
  );
  addExamples(warm, ["sluice cache warm --preset translate", "before its first request"]);
  for (const command of [stats, clear, warm]) addRunningOptions(command, OPERATOR_KEYS);
}
