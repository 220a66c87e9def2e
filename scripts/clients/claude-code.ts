/** Anthropic's Claude Code, over the Messages API. */
import { agentThings, force } from "./kit/agent.ts";
import type { Bed, BedRunOptions } from "./kit/bed.ts";
import { assertSuccess } from "./kit/checks.ts";
import { tryClient } from "./kit/main.ts";
import { assertFits, SCHEMA } from "./kit/prompts.ts";

const VERSION = "2.1.332";

const ask = (bed: Bed, args: readonly string[], { env, ...options }: BedRunOptions = {}) =>
  bed.run("claude", ["--print", ...args], {
    ...options,
    env: {
      ANTHROPIC_BASE_URL: bed.recorder.url,
      ANTHROPIC_AUTH_TOKEN: bed.key,
      ANTHROPIC_MODEL: bed.model,
      ANTHROPIC_SMALL_FAST_MODEL: bed.model,
      CLAUDE_CODE_MAX_CONTEXT_TOKENS: String(bed.contextTokens),
      CLAUDE_CODE_MAX_OUTPUT_TOKENS: "64",
      CLAUDE_CODE_MAX_RETRIES: "2",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      ...env,
    },
  });

await tryClient({
  client: "claude-code",
  version: VERSION,
  setUp: (bed) => bed.npm(`@anthropic-ai/claude-code@${VERSION}`),
  things: {
    ...agentThings({
      ask: (bed, prompt, options) => ask(bed, [prompt], options),
      harmlessTool: "ListAgents",
      wrongKey: { ANTHROPIC_AUTH_TOKEN: "sk-wrong" },
      // It asks for nothing that is more than it was told.
      overContext: { CLAUDE_CODE_MAX_CONTEXT_TOKENS: "400000" },
    }),
    async structured(bed) {
      // Its way to a form is a tool, which a small model doesn't call by itself.
      bed.recorder.changeOnce((body) => force(body, "StructuredOutput", bed.callingModel));
      const finished = await ask(bed, [
        "--model",
        bed.callingModel,
        "--json-schema",
        JSON.stringify(SCHEMA),
        "--output-format",
        "json",
        "Name a city.",
      ]);
      assertSuccess(finished);
      return assertFits(finished.stdout);
    },
  },
});
