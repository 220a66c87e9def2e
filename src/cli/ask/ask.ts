import { z } from "zod";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { answerFor } from "../controls.ts";
import { CommandError, UsageError } from "../errors.ts";
import { formatTable } from "../table.ts";
import { readInput, readLines } from "./input.ts";
import { chooseModel } from "./served-models.ts";
import { withGateway } from "./with-gateway.ts";

/** What is told of an answer that ended at its maximum length. */
export const CUT_OFF = "The answer was cut off at its maximum length.\n";

const MAX_TOKENS = 1_048_576;

const completionEvent = z.union([
  z.object({ error: z.object({ message: z.string() }) }),
  z.object({ choices: z.array(z.object({ text: z.string(), finish_reason: z.string().nullish() })) }),
]);

const embeddingList = z.object({
  data: z.array(z.object({ index: z.number(), embedding: z.array(z.number()) })),
});

const ranking = z.object({ results: z.array(z.object({ index: z.number(), relevance_score: z.number() })) });

const tokenList = z.object({
  tokens: z.array(z.object({ id: z.number(), piece: z.union([z.string(), z.array(z.number())]) })),
});

/** `sluice complete [TEXT…]`: goes on with a text, without a chat template. Throws a CommandError. */
export async function complete(words: readonly string[], flags: Flags, context: CliContext): Promise<number> {
  const prompt = await readInput(words, context, "echo 'Once upon a time' | sluice complete");
  const limits = readSampling(flags);
  return withGateway(flags, context, async ({ client, models }) => {
    const model = await chooseModel(client, models, "completion");
    const body = { model, prompt, ...limits };
    if (flags.json === true) {
      printJson(await client.post("/v1/completions", body), context);
      return;
    }
    let isCut = false;
    for await (const event of client.stream("/v1/completions", { ...body, stream: true })) {
      const { data } = completionEvent.safeParse(event);
      if (data === undefined) continue;
      if ("error" in data) throw new CommandError(data.error.message);
      const text = data.choices.map((choice) => choice.text).join("");
      context.stdout.write(answerFor(context.stdout, text));
      isCut ||= data.choices.some(({ finish_reason: reason }) => reason === "length");
    }
    context.stdout.write("\n");
    if (isCut) context.stderr.write(CUT_OFF);
  });
}

/** `sluice embed [TEXT…]`: prints the vector of each text, as a line of JSON. Throws a CommandError. */
export async function embed(words: readonly string[], flags: Flags, context: CliContext): Promise<number> {
  const input = await readLines(words, context, "cat sentences.txt | sluice embed");
  return withGateway(flags, context, async ({ client, models }) => {
    const model = await chooseModel(client, models, "embeddings");
    const answer = await client.post("/v1/embeddings", { model, input });
    if (flags.json === true) {
      printJson(answer, context);
      return;
    }
    const { data } = embeddingList.parse(answer);
    for (const { embedding } of data) context.stdout.write(`${JSON.stringify(embedding)}\n`);
  });
}

/** `sluice rerank QUERY [DOCUMENT…]`: prints the documents, the most relevant first. Throws a CommandError. */
export async function rerank(
  query: string,
  words: readonly string[],
  flags: Flags,
  context: CliContext,
): Promise<number> {
  const documents = await readLines(words, context, "cat titles.txt | sluice rerank 'how to restart'");
  const top = readWhole("--top", flags.top, documents.length);
  return withGateway(flags, context, async ({ client, models }) => {
    const model = await chooseModel(client, models, "rerank");
    const answer = await client.post("/v1/rerank", {
      model,
      query,
      documents,
      ...(top !== undefined && { top_n: top }),
    });
    if (flags.json === true) {
      printJson(answer, context);
      return;
    }
    const rows = ranking
      .parse(answer)
      .results.map(({ index, relevance_score: score }) => [score.toFixed(4), documents[index] ?? ""]);
    context.stdout.write(formatTable([["SCORE", "DOCUMENT"], ...rows], [0]));
  });
}

/** `sluice tokenize [TEXT…]`: prints the tokens of a text, or their number. Throws a CommandError. */
export async function tokenize(words: readonly string[], flags: Flags, context: CliContext): Promise<number> {
  const content = await readInput(words, context, "cat prompt.txt | sluice tokenize --count");
  return withGateway(flags, context, async ({ client, models }) => {
    const [model] = models;
    const answer = await client.post("/tokenize", { ...(model && { model }), content, with_pieces: true });
    if (flags.json === true) {
      printJson(answer, context);
      return;
    }
    const { tokens } = tokenList.parse(answer);
    if (flags.count === true) context.stdout.write(`${tokens.length}\n`);
    else {
      const rows = tokens.map(({ id, piece }) => [String(id), JSON.stringify(piece)]);
      context.stdout.write(formatTable([["ID", "TEXT"], ...rows], [0]));
    }
  });
}

/** The fields of a request that flags set. Throws a UsageError. */
export function readSampling(flags: Flags): object {
  const maxTokens = readWhole("--max-tokens", flags.maxTokens, MAX_TOKENS);
  const temperature = flags.temperature === undefined ? undefined : Number(flags.temperature);
  if (temperature !== undefined && !(temperature >= 0 && temperature <= 2)) {
    throw new UsageError(
      `--temperature: ${JSON.stringify(flags.temperature)} is not allowed. Give a number from 0 to 2.`,
    );
  }
  return {
    ...(maxTokens !== undefined && { max_tokens: maxTokens }),
    ...(temperature !== undefined && { temperature }),
  };
}

/** A whole number from 1 to `most` that a flag sets. Throws a UsageError. */
export function readWhole(flag: string, given: Flags[string], most: number): number | undefined {
  if (given === undefined) return undefined;
  const value = typeof given === "string" && /^\d{1,9}$/.test(given) ? Number(given) : 0;
  if (value >= 1 && value <= most) return value;
  throw new UsageError(`${flag}: ${JSON.stringify(given)} is not allowed. Give a whole number from 1 to ${most}.`);
}

function printJson(value: unknown, { stdout }: CliContext): void {
  stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
