import type { Command, Option } from "commander";
import { PRIORITIES } from "../../generation/terms.ts";
import { CLIENTS } from "../connect/clients.ts";
import { SHELLS } from "./scripts.ts";

/** What can be named. */
export type NameKind = "catalogue" | "downloaded" | "served" | "presets" | "routes" | "keys";

/** What a value is, as far as it can be completed. */
export type ValueKind =
  | { readonly type: "names"; readonly kinds: readonly NameKind[] }
  | { readonly type: "words"; readonly words: readonly string[] }
  | { readonly type: "files" }
  | { readonly type: "folders" }
  | { readonly type: "commands" }
  | { readonly type: "nothing" };

const NOTHING: ValueKind = { type: "nothing" };
const names = (...kinds: readonly NameKind[]): ValueKind => ({ type: "names", kinds });
const words = (...given: readonly string[]): ValueKind => ({ type: "words", words: given });

const CLIENT_MODEL = names("served", "downloaded", "catalogue");

/** The arguments of commands, by their path and their name. */
const ARGUMENTS: Readonly<Record<string, ValueKind>> = {
  "pull name": names("catalogue"),
  "show name": names("downloaded"),
  "rm name": names("downloaded"),
  "load name": names("served"),
  "unload name": names("served"),
  "models promote name": names("served"),
  "models rollback name": names("served"),
  "run preset": names("presets"),
  "eval preset": names("presets"),
  "shadow propose preset": names("presets"),
  "route calibrate route": names("routes"),
  "route calibrate preset": names("presets"),
  "keys revoke key": names("keys"),
  "keys rotate key": names("keys"),
  "connect name": words(...CLIENTS.map(({ name }) => name)),
  "completion shell": words(...SHELLS),
  "batch run input": { type: "files" },
  "logs file": { type: "files" },
  "help command": { type: "commands" },
};

/** Values of flags that are the same wherever the flag is. */
const FLAGS: Readonly<Record<string, ValueKind>> = {
  "--model": CLIENT_MODEL,
  "--on-demand": CLIENT_MODEL,
  "--models": CLIENT_MODEL,
  "--spill": names("served", "routes"),
  "--preset": names("presets"),
  "--explain": names("routes"),
  "--class": words(...PRIORITIES),
  "--overload": words("wait", "drop-oldest", "latest", "sample", "spill"),
  "--level": words("trace", "debug", "info", "warn", "error", "fatal"),
  "--needs": words("tools", "schemas", "logprobs", "images"),
};

/** Those of one command, by its path. */
const OWN_FLAGS: Readonly<Record<string, ValueKind>> = {
  "usage --key": names("keys"),
  "logs --key": names("keys"),
  "route --key": names("keys"),
  "shadow forget --key": names("keys"),
  "pipe --output": words("text", "jsonl"),
  "pull --model": names("catalogue"),
};

const FILES = ["file", "path"];
const FOLDERS = ["dir", "folder"];

/** What a flag's value is. */
export function kindOfOption(command: Command, { long, flags, argChoices }: Option): ValueKind {
  const known = OWN_FLAGS[`${pathOf(command)} ${long}`] ?? FLAGS[long ?? ""];
  if (known !== undefined) return known;
  if (argChoices !== undefined) return words(...argChoices);
  const place = /[<[]([^>\]]*)[>\]]/.exec(flags)?.[1] ?? "";
  if (FILES.includes(place)) return { type: "files" };
  if (FOLDERS.includes(place)) return { type: "folders" };
  // Such as <auto|number>: the word for anything else of its kind is the last one of the flag.
  const others = ["number", "n", ...(long?.split("-") ?? [])];
  const choices = place.split("|").filter((each) => /^[a-z][a-z0-9-]*$/.test(each) && !others.includes(each));
  return place.includes("|") && choices.length > 0 ? words(...choices) : NOTHING;
}

/** What a command's argument is. */
export function kindOfArgument(command: Command, index: number): ValueKind {
  const { registeredArguments: all } = command;
  const argument = all[index] ?? (all.at(-1)?.variadic === true ? all.at(-1) : undefined);
  if (argument === undefined) return NOTHING;
  return ARGUMENTS[`${pathOf(command)} ${argument.name()}`.replace(/^.* help command$/, "help command")] ?? NOTHING;
}

function pathOf(command: Command): string {
  const { parent } = command;
  return parent?.parent ? `${pathOf(parent)} ${command.name()}` : command.name();
}
