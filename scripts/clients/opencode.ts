/** opencode, over chat completions. */
import { agentThings } from "./kit/agent.ts";
import type { Bed, BedRunOptions } from "./kit/bed.ts";
import { assertSays, assertSuccess } from "./kit/checks.ts";
import { tryClient } from "./kit/main.ts";

const VERSION = "1.18.33";

const run = (bed: Bed, args: readonly string[], { env, ...options }: BedRunOptions = {}) =>
  bed.run("opencode", args, {
    ...options,
    env: {
      SLUICE_API_KEY: bed.key,
      OPENCODE_DISABLE_AUTOUPDATE: "1",
      OPENCODE_DISABLE_MODELS_FETCH: "1",
      OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
      ...env,
    },
  });

await tryClient({
  client: "opencode",
  version: VERSION,
  async setUp(bed) {
    await bed.npm(`opencode-ai@${VERSION}`);
    const settings = {
      $schema: "https://opencode.ai/config.json",
      model: `sluice/${bed.model}`,
      small_model: `sluice/${bed.model}`,
      share: "disabled",
      // A small model's calls are senseless.
      permission: { bash: "deny", edit: "deny", webfetch: "deny" },
      provider: {
        sluice: {
          npm: "@ai-sdk/openai-compatible",
          name: "Sluice",
          options: { baseURL: `${bed.recorder.url}/v1`, apiKey: "{env:SLUICE_API_KEY}" },
          models: { [bed.model]: { name: bed.model, limit: { context: bed.contextTokens, output: 1024 } } },
        },
      },
    };
    await bed.write(".config/opencode/opencode.json", JSON.stringify(settings, null, 2));
  },
  things: {
    ...agentThings({
      ask: (bed, prompt, options) => run(bed, ["run", prompt], options),
      harmlessTool: "todowrite",
      wrongKey: { SLUICE_API_KEY: "sk-wrong" },
    }),
    async "model-list"(bed) {
      const finished = await run(bed, ["models"]);
      assertSuccess(finished);
      assertSays(finished, new RegExp(`sluice/${bed.model}`));
      return "lists what its settings name";
    },
  },
});
