import { type Command, Option } from "commander";
import { describeKeys, type KeyVariables, URL_VARIABLE } from "../config/environment.ts";
import type { Setting } from "../config/settings.ts";
import { KEY_FLAG } from "./gateway-client.ts";
import { addNotes } from "./help.ts";
import { addSettingOptions, CONFIG_OPTION } from "./options.ts";

const GROUP = "Gateway:";

/** The settings of a gateway that is started for one command. */
const OWN_SETTINGS = ["context", "threads", "gpu", "modelsDir", "promptsDir"] as const;

const MODEL = "model to use: a catalogue name, hf:owner/repo:QUANT, an https: URL or a path; may be repeated";

/** Adds the options of a command that needs a running gateway, which `reachRunning` reads. */
export function addRunningOptions(command: Command, keys: KeyVariables): void {
  addAddress(command, "URL of the gateway", keys, "the one at --host and --port");
}

/** Adds the options of a command that starts a gateway if none runs, which `reachGateway` reads. `more` are further settings of that one. */
export function addGatewayOptions(command: Command, keys: KeyVariables, more: readonly Setting["key"][] = []): void {
  addSettingOptions(command, ["model"], { descriptions: { model: MODEL }, hasFile: false });
  addAddress(
    command,
    "URL of the gateway",
    keys,
    "the one at --host and --port; if none runs there, one is started for this command",
  );
  addSettingOptions(command, [...OWN_SETTINGS, ...more], {
    group: "Gateway that is started if none runs:",
    hasFile: false,
  });
}

function addAddress(command: Command, what: string, keys: KeyVariables, otherwise: string): void {
  const key = new Option(
    `${KEY_FLAG} <key>`,
    `key for the gateway; set it in ${keys[0]} instead, because other users can see a program's flags`,
  );
  command
    .addOption(new Option("--url <url>", `${what} (env ${URL_VARIABLE}, default: ${otherwise})`).helpGroup(GROUP))
    .addOption(key.helpGroup(GROUP));
  addSettingOptions(command, ["host", "port"], {
    descriptions: { host: "host of the gateway", port: "port of the gateway" },
    group: GROUP,
    hasFile: false,
  });
  command.addOption(new Option(...CONFIG_OPTION).helpGroup(GROUP));
  addNotes(command, describeKeys(keys));
}
