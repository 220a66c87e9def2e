import type { Command } from "commander";
import { OPERATOR_KEYS } from "../../config/environment.ts";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { addRunningOptions } from "../gateway-options.ts";
import { addExamples } from "../help.ts";

/** Adds `sluice what-if`. */
export function addWhatIfCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const command = program
    .command("what-if")
    .description("show how a running gateway would have served its last requests with other settings")
    .option("--model <model>", "a model of the gateway's machine; by default the one that was asked most")
    .option("--slots <number>", "requests that an engine answers at once")
    .option("--replicas <number>", "engines that answer for the model, each with slots of its own")
    .option("--max-pending <number>", "the most requests in progress")
    .option("--max-wait-ms <number>", "refuse requests that would wait longer for the first token")
    .option("--traffic <factor>", "how much more often requests come, such as 2 or 0.5")
    .option("--spill-after <time>", "requests whose first token is predicted later go to another server, such as 2s")
    .option("--spill-first-token <time>", "that server's time to the first token (default 1s)")
    .option("--spill-prompt-price <dollars>", "its price of a million tokens of prompts (default 0)")
    .option("--spill-answer-price <dollars>", "its price of a million tokens of answers (default 0)")
    .option("--json", "print the gateway's answer as JSON")
    .action(async (flags: Flags) => {
      const { whatIf } = await import("./what-if.ts");
      done(await whatIf(flags, context));
    });
  addRunningOptions(command, OPERATOR_KEYS);
  addExamples(
    command,
    ["sluice what-if --slots 8", "answer eight requests at once"],
    ["sluice what-if --replicas 2 --traffic 3", "two engines, and three times the requests"],
    ["sluice what-if --max-wait-ms 5000 --json", "refuse what would wait longer than 5 s, and print JSON"],
    ["sluice what-if --spill-after 2s", "send what would be late to another server"],
  );
}
