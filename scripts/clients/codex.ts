/** OpenAI's Codex CLI, over the Responses API. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { agentThings, callNothing } from "./kit/agent.ts";
import type { Bed, BedRunOptions } from "./kit/bed.ts";
import { assertSuccess } from "./kit/checks.ts";
import { tryClient } from "./kit/main.ts";
import { assertFits, SCHEMA } from "./kit/prompts.ts";

const VERSION = "0.171.0";

const ask = (bed: Bed, args: readonly string[], options: BedRunOptions = {}) =>
  bed.run("codex", ["exec", "--skip-git-repo-check", "--sandbox", "read-only", ...args], {
    ...options,
    env: { SLUICE_API_KEY: bed.key, ...options.env },
  });

await tryClient({
  client: "codex",
  version: VERSION,
  async setUp(bed) {
    await bed.npm(`@openai/codex@${VERSION}`);
    const settings = `
model = "${bed.model}"
model_provider = "sluice"
model_context_window = ${bed.contextTokens}
web_search = "disabled"

[model_providers.sluice]
name = "Sluice"
base_url = "${bed.recorder.url}/v1"
env_key = "SLUICE_API_KEY"
wire_api = "responses"
`;
    await bed.write(".codex/config.toml", settings);
  },
  things: {
    ...agentThings({
      ask: (bed, prompt, options) => ask(bed, [prompt], options),
      harmlessTool: "get_goal",
      wrongKey: { SLUICE_API_KEY: "sk-wrong" },
    }),
    async structured(bed) {
      const file = join(bed.work, "schema.json");
      await writeFile(file, JSON.stringify(SCHEMA));
      bed.recorder.changeOnce(callNothing);
      const finished = await ask(bed, ["--model", bed.callingModel, "--output-schema", file, "Name a city."]);
      assertSuccess(finished);
      return assertFits(finished.stdout);
    },
  },
});
