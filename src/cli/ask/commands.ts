import type { Command } from "commander";
import { CLIENT_KEYS } from "../../config/environment.ts";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { addGatewayOptions } from "../gateway-options.ts";
import { addExamples } from "../help.ts";

/** Adds the commands that ask a model once: `complete`, `embed`, `rerank` and `tokenize`. */
export function addAskCommands(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const complete = addSamplingOptions(
    program.command("complete [text...]").description("go on with a text, as it is, without a chat template"),
  )
    .option("--json", "print the whole answer as JSON")
    .action(async (words: readonly string[], flags: Flags) => {
      const { complete } = await import("./ask.ts");
      done(await complete(words, flags, context));
    });
  addExamples(complete, ["sluice complete --max-tokens 20 Once upon a time", "twenty more tokens"]);

  const embed = program
    .command("embed [text...]")
    .description("print the vectors of texts: of each word after the command, or of each piped line")
    .option("--json", "print the whole answer as JSON")
    .action(async (words: readonly string[], flags: Flags) => {
      const { embed } = await import("./ask.ts");
      done(await embed(words, flags, context));
    });
  addExamples(
    embed,
    ["sluice embed 'The sky is blue.' 'Rain is wet.'", "two vectors, a line of JSON each"],
    ["cat sentences.txt | sluice embed > vectors.jsonl", "one for each line"],
  );

  const rerank = program
    .command("rerank <query> [document...]")
    .description("rank documents, or piped lines, by how well they answer a query; needs a reranking model")
    .option("--top <number>", "only so many of the best")
    .option("--json", "print the whole answer as JSON")
    .action(async (query: string, words: readonly string[], flags: Flags) => {
      const { rerank } = await import("./ask.ts");
      done(await rerank(query, words, flags, context));
    });
  addExamples(rerank, ["cat titles.txt | sluice rerank 'how to restart' --top 3", "the three best lines"]);

  const tokenize = program
    .command("tokenize [text...]")
    .description("show the tokens of a text, or count them")
    .option("--count", "print only their number")
    .option("--json", "print them as JSON")
    .action(async (words: readonly string[], flags: Flags) => {
      const { tokenize } = await import("./ask.ts");
      done(await tokenize(words, flags, context));
    });
  addExamples(tokenize, ["cat prompt.txt | sluice tokenize --count", "how many tokens a file has"]);

  for (const command of [complete, embed, rerank, tokenize]) addGatewayOptions(command, CLIENT_KEYS);
}

/** Adds the options of a command that has a text written. */
export function addSamplingOptions(command: Command): Command {
  return command
    .option("--max-tokens <number>", "the answer's length, at most")
    .option("--temperature <number>", "how freely it is sampled, from 0 to 2");
}
