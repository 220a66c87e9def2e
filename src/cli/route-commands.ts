import type { Command } from "commander";
import { describeKeys, OPERATOR_KEYS } from "../config/environment.ts";
import type { Flags } from "../config/load.ts";
import type { CliContext } from "./context.ts";
import { KEY_FLAG } from "./gateway-client.ts";
import { addGatewayOptions } from "./gateway-options.ts";
import { addExamples, addNotes } from "./help.ts";
import { addSettingOptions } from "./options.ts";

/** Adds `sluice route`, and `sluice route calibrate`. */
export function addRouteCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
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
    .option(
      `${KEY_FLAG} <key>`,
      "key for that gateway; better in a variable, because other users can see a program's flags",
    )
    .option("--json", "print the decision, or the routes, as JSON")
    .action(async (flags: Flags) => {
      const { route } = await import("./route.ts");
      done(await route(flags, context));
    });
  addNotes(route, describeKeys(OPERATOR_KEYS));
  addSettingOptions(route, ["model", "upstreams", "aliases", "routes"]);
  addExamples(
    route,
    ["sluice route", "the routes of the settings"],
    ["sluice route --explain auto --tokens 2000 --wait small=5s", "where such a request would go"],
    ["sluice route --explain auto --url http://127.0.0.1:8080", "the same, with what a gateway knows now"],
  );

  const calibrate = route
    .command("calibrate <route> [preset]")
    .description("run test cases of presets with both models of a cascade, to find its threshold")
    .option("--json", "print everything as JSON")
    .action(async (name: string, preset: string | undefined, flags: Flags) => {
      const { calibrate } = await import("./calibrate.ts");
      done(await calibrate(name, preset, flags, context));
    });
  addGatewayOptions(calibrate, OPERATOR_KEYS, ["upstreams", "routes"]);
  addExamples(calibrate, ["sluice route calibrate auto", "with the cases of all presets"]);
}

function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}
