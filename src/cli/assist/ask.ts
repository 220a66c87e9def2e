import type { Repository } from "../../assist/repository.ts";
import { readCorpus, search } from "../../assist/search.ts";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { CommandError, UsageError } from "../errors.ts";
import { print } from "./answer.ts";
import { withAnswerer } from "./assist.ts";
import { gather } from "./gather.ts";
import { chooseRank } from "./search.ts";

/**
 * `sluice assist ask QUESTION…`: answers from what is named, or from what a search of the repository finds for the question. Throws a CommandError.
 */
export function ask(words: readonly string[], flags: Flags, context: CliContext): Promise<number> {
  const question = words.join(" ").trim();
  const look = async (repository: Repository) => {
    if (question === "")
      throw new UsageError("There is no question. Add one: sluice assist ask 'Where are requests retried?'");
    const gathered = await gather(repository, flags, context, { words: [] });
    if (gathered.sources.length > 0) return { gathered, corpus: undefined };
    const corpus = await readCorpus(repository);
    if (corpus.chunks.length === 0) throw new CommandError("The repository has no file with a text to search.");
    return { gathered, corpus };
  };
  return withAnswerer("ask", flags, context, look, async (work, { gathered, corpus }) => {
    const found = corpus && (await search(corpus, question, await chooseRank(work)));
    const sources = found ?? gathered.sources;
    await print(work, { sources, leftOut: [...gathered.leftOut, ...(corpus?.leftOut ?? [])] }, question);
  });
}
