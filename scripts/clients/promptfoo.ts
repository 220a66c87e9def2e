/** promptfoo: tests of prompts, over chat completions. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bed, BedRunOptions } from "./kit/bed.ts";
import { assertAnswered, assertEnds, assertFewTries, assertSays, assertSuccess } from "./kit/checks.ts";
import { tryClient } from "./kit/main.ts";
import type { Finished } from "./kit/process.ts";
import { assertFits, QUESTION, SCHEMA, tooLong } from "./kit/prompts.ts";

const VERSION = "0.123.1";

type Evaluation = { readonly finished: Finished; readonly output: string };

/** Evaluates one prompt, with options of the provider besides. */
async function evaluate(
  bed: Bed,
  prompt: string,
  config: object = {},
  { env, ...options }: BedRunOptions = {},
): Promise<Evaluation> {
  const provider = {
    id: `openai:chat:${bed.callingModel}`,
    config: { apiBaseUrl: `${bed.recorder.url}/v1`, max_tokens: 60, ...config },
  };
  const settings = { prompts: [prompt], providers: [provider], tests: [{ vars: { topic: "cities" } }] };
  await bed.write("promptfooconfig.json", JSON.stringify(settings));
  const outputFile = join(bed.home, "output.json");
  const args = [
    "eval",
    "--config",
    join(bed.home, "promptfooconfig.json"),
    "--output",
    outputFile,
    "--no-cache",
    "--no-table",
  ];
  const finished = await bed.run("promptfoo", args, {
    ...options,
    env: {
      OPENAI_API_KEY: bed.key,
      PROMPTFOO_DISABLE_TELEMETRY: "1",
      PROMPTFOO_DISABLE_UPDATE: "1",
      PROMPTFOO_DISABLE_REMOTE_GENERATION: "1",
      PROMPTFOO_CONFIG_DIR: join(bed.home, "promptfoo"),
      ...env,
    },
  });
  return { finished, output: await readFile(outputFile, "utf8").catch(() => "") };
}

await tryClient({
  client: "promptfoo",
  version: VERSION,
  setUp: (bed) => bed.npm(`promptfoo@${VERSION}`),
  things: {
    async plain(bed) {
      const { finished, output } = await evaluate(bed, QUESTION);
      assertSuccess(finished);
      assertAnswered(bed);
      if (!/"output":\s*"[^"]*\w/.test(output)) throw new Error(`it kept no output: ${output.slice(-400)}`);
      return "one answer kept";
    },
    async structured(bed) {
      const form = { type: "json_schema", json_schema: { name: "city", strict: true, schema: SCHEMA } };
      const { finished, output } = await evaluate(bed, "Name a city.", { response_format: form });
      assertSuccess(finished);
      return assertFits(output.replaceAll("\\", ""));
    },
    async tools(bed) {
      const parameters = { type: "object", properties: { city: { enum: ["Paris", "Rome"] } }, required: ["city"] };
      const tools = [{ type: "function", function: { name: "weather", parameters } }];
      const config = { tools, tool_choice: { type: "function", function: { name: "weather" } } };
      const { finished, output } = await evaluate(bed, "How is the weather?", config);
      assertSuccess(finished);
      if (!output.includes("weather") || !/Paris|Rome/.test(output))
        throw new Error(`it kept no call: ${output.slice(-400)}`);
      return "a call kept";
    },
    async "over-context"(bed) {
      const { finished, output } = await evaluate(bed, tooLong(bed.contextTokens));
      assertEnds(finished);
      const tries = assertFewTries(bed, 400);
      assertSays({ ...finished, stdout: finished.stdout + output }, /maximum context length/);
      return `tells the error, ends with ${finished.code}; ${tries} × 400`;
    },
    async "wrong-key"(bed) {
      const { finished, output } = await evaluate(bed, QUESTION, {}, { env: { OPENAI_API_KEY: "sk-wrong" } });
      assertEnds(finished);
      const tries = assertFewTries(bed, 401);
      assertSays({ ...finished, stdout: finished.stdout + output }, /401|Incorrect API key/);
      return `tells the error, ends with ${finished.code}; ${tries} × 401`;
    },
  },
});
