import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Config } from "../../config/schema.ts";
import { composePrompt } from "../../prompts/compose.ts";
import { presetFolder } from "../../prompts/index.ts";
import { parsePreset } from "../../prompts/parse.ts";
import type { Preset } from "../../prompts/preset.ts";
import { readBounded } from "../../prompts/read-folder.ts";
import { resolveVariables } from "../../prompts/variables.ts";
import type { Message } from "../chat/conversation.ts";
import { CommandError } from "../errors.ts";

/** Those that come with Sluice. */
const SHIPPED = fileURLToPath(new URL("../../../prompts/assist", import.meta.url));

/**
 * The prompt of a command of `assist`: `assist/NAME.yaml` in the folder of presets, else the one that comes with Sluice. It is read here, since the
 * gateway may be another's, with other presets. Throws a PresetError.
 */
export async function loadPrompt(
  name: string,
  { promptsDir }: Pick<Config, "promptsDir">,
  cwd: string,
): Promise<Preset> {
  const own = join(presetFolder(promptsDir, cwd), "assist", `${name}.yaml`);
  const [path, shown] = existsSync(own)
    ? [own, join(promptsDir, "assist", `${name}.yaml`)]
    : [join(SHIPPED, `${name}.yaml`), `${name}.yaml`];
  const { text, modifiedUnixSeconds } = await readBounded(path, shown);
  return parsePreset(text, { path: shown, name, modifiedUnixSeconds });
}

/** The messages that ask `input` by a prompt: its system text, what comes before, and the last message. Throws a CommandError. */
export function messagesOf(
  prompt: Preset,
  input: string,
): { readonly system: string; readonly before: readonly Message[]; readonly last: string } {
  const resolved = resolveVariables(prompt.variables, {});
  if ("fault" in resolved) {
    throw new CommandError(`The prompt assist/${prompt.id}.yaml: ${resolved.fault.message} Give it a default.`);
  }
  const { messages } = composePrompt(prompt, resolved.values, {
    type: "chat",
    messages: [{ role: "user", content: input }],
  });
  const said = messages.flatMap(({ role, content }): Message[] =>
    role === "system" || role === "user" || role === "assistant" ? [{ role, content }] : [],
  );
  const [first] = said;
  const system = first?.role === "system" ? first.content : "";
  return { system, before: said.slice(system === "" ? 0 : 1, -1), last: said.at(-1)?.content ?? input };
}
