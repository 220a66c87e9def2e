/** Continue's command line, over chat completions. */
import { join } from "node:path";
import { agentThings } from "./kit/agent.ts";
import { tryClient } from "./kit/main.ts";

const VERSION = "1.5.47";

await tryClient({
  client: "cn",
  version: VERSION,
  async setUp(bed) {
    await bed.npm(`@continuedev/cli@${VERSION}`);
    for (const [name, key, contextTokens] of [
      ["right", bed.key, bed.contextTokens],
      ["wrong", "sk-wrong", bed.contextTokens],
      // It drops old messages, and then cuts the last, until they fit into what it was told.
      ["large", bed.key, 4 * bed.contextTokens],
    ] as const) {
      const settings = `
name: Sluice
version: 1.0.0
schema: v1
models:
  - name: Sluice
    provider: openai
    model: ${bed.model}
    apiBase: ${bed.recorder.url}/v1
    apiKey: ${key}
    roles: [chat, edit, apply]
    defaultCompletionOptions:
      contextLength: ${contextTokens}
      maxTokens: 256
`;
      await bed.write(`${name}.yaml`, settings);
    }
  },
  things: agentThings({
    ask: (bed, prompt, { env = {}, ...options } = {}) =>
      bed.run("cn", ["--print", "--config", join(bed.home, `${env.CONFIG ?? "right"}.yaml`), prompt], {
        ...options,
        env: { CONTINUE_TELEMETRY_ENABLED: "0", ...env },
      }),
    harmlessTool: "Checklist",
    wrongKey: { CONFIG: "wrong" },
    overContext: { CONFIG: "large" },
  }),
});
