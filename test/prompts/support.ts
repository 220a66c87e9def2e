import { parsePreset } from "../../src/prompts/parse.ts";
import type { Preset } from "../../src/prompts/preset.ts";

/** A preset from this YAML and the required fields. */
export function preset(yaml: string, name = "p"): Preset {
  return parsePreset(`id: ${name}\nversion: 1\ndescription: A test.\n${yaml}`, {
    path: `prompts/${name}.yaml`,
    name,
    modifiedUnixSeconds: 1_730_000_000,
  });
}
