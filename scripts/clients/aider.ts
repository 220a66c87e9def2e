/** aider, over chat completions. It works without tools: edits are text. */
import { agentThings } from "./kit/agent.ts";
import type { Bed, BedRunOptions } from "./kit/bed.ts";
import { assertSays, assertSuccess } from "./kit/checks.ts";
import { tryClient } from "./kit/main.ts";

const VERSION = "0.86.2";

const FLAGS = [
  "--no-git",
  "--no-suggest-shell-commands",
  "--yes-always",
  "--no-check-update",
  "--analytics-disable",
  "--no-pretty",
  "--no-show-model-warnings",
  "--map-tokens",
  "0",
  "--no-gitignore",
];

const run = (bed: Bed, args: readonly string[], { env, ...options }: BedRunOptions = {}) =>
  bed.run("aider", [...FLAGS, "--model", `openai/${bed.model}`, ...args], {
    ...options,
    env: { OPENAI_API_BASE: `${bed.recorder.url}/v1`, OPENAI_API_KEY: bed.key, ...env },
  });

const { tools: _none, ...things } = agentThings({
  ask: (bed, prompt, options = {}) => run(bed, ["--message", prompt], options),
  harmlessTool: "none",
  wrongKey: { OPENAI_API_KEY: "sk-wrong" },
});

await tryClient({
  client: "aider",
  version: VERSION,
  setUp: async (bed) => void (await bed.pip(`aider-chat==${VERSION}`)),
  things: {
    ...things,
    async "model-list"(bed) {
      const finished = await run(bed, ["--list-models", "gpt"]);
      assertSuccess(finished);
      assertSays(finished, /gpt/);
      return "lists what it knows itself; a gateway isn't asked";
    },
  },
});
