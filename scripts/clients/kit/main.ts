import { Command } from "commander";
import { type Bed, makeBed } from "./bed.ts";
import { describe } from "./checks.ts";
import { THINGS, type Thing, type ThingResult } from "./things.ts";

/** The setup and the trials of one client. */
export type ClientScript = {
  readonly client: string;
  readonly version: string;
  /** Installs it and writes its settings. */
  readonly setUp: (bed: Bed) => Promise<void>;
  /** Each trial returns what happened, and throws if it fails. A missing trial means that the client has no such feature. */
  readonly things: Partial<Record<Thing, (bed: Bed) => Promise<string>>>;
};

/** Reads the command line, tries the client, and prints a line of JSON for each thing. Ends with 1 where any of them failed. */
export async function tryClient({ client, version, setUp, things }: ClientScript): Promise<void> {
  const program = new Command(`scripts/clients/${client}`)
    .description(`Installs ${client} ${version} in a temporary folder and tries it with a gateway that runs.`)
    .requiredOption("--url <url>", "where the gateway listens")
    .requiredOption("--key <key>", "a key of the gateway")
    .option("--model <id>", "the model to ask", "smollm2-135m-instruct")
    .option("--calling-model <id>", "the one that is made to call tools, where it isn't the same")
    .option("--model-file <path>", "the file of the served model, for clients that need its tokenizer")
    .option("--context <tokens>", "how many tokens the gateway's slots have", Number, 16_384)
    .option("--timeout <seconds>", "for each thing", Number, 240)
    .option("--only <thing...>", `of ${THINGS.join(", ")}`)
    .parse();
  const options = program.opts<{
    url: string;
    key: string;
    model: string;
    callingModel?: string;
    modelFile?: string;
    context: number;
    timeout: number;
    only?: string[];
  }>();
  const { url, key, model, callingModel = model, modelFile, context, timeout, only = [...THINGS] } = options;
  const tell = (result: Omit<ThingResult, "client" | "version">) =>
    process.stdout.write(`${JSON.stringify({ client, version, ...result } satisfies ThingResult)}\n`);

  const bed = await makeBed(client, {
    url,
    key,
    model,
    callingModel,
    modelFile,
    contextTokens: context,
    timeoutMs: timeout * 1_000,
  });
  try {
    await setUp(bed);
    for (const thing of THINGS.filter((each) => only.includes(each))) {
      const attempt = things[thing];
      if (attempt === undefined) {
        tell({ thing, result: "not offered", note: "", seconds: 0 });
        continue;
      }
      bed.recorder.forget();
      const startedMs = performance.now();
      const seconds = () => Number(((performance.now() - startedMs) / 1000).toFixed(1));
      try {
        const note = await attempt(bed);
        tell({ thing, result: "works", note, seconds: seconds() });
      } catch (error) {
        process.exitCode = 1;
        tell({
          thing,
          result: "fails",
          note: `${error instanceof Error ? error.message : String(error)} (${describe(bed.recorder.seen)}; ${bed.recorder.seen.at(-1)?.answer.slice(-500)})`,
          seconds: seconds(),
        });
      }
    }
  } finally {
    await bed.close();
  }
}
