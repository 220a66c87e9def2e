import type { DiffRange } from "../../assist/diffs.ts";
import type { Repository } from "../../assist/repository.ts";
import type { Flags } from "../../config/load.ts";
import type { Ending, Reader } from "../chat/conversation.ts";
import type { CliContext } from "../context.ts";
import { answerFor } from "../controls.ts";
import { UsageError } from "../errors.ts";
import { prepare, type Work, withAnswerer } from "./assist.ts";
import { gather } from "./gather.ts";
import { encodeContext, tellLeftOut } from "./show-context.ts";

/** `sluice assist explain [FILE…]`: explains files, a diff, or what is piped in. Throws a CommandError. */
export function explain(files: readonly string[], flags: Flags, context: CliContext): Promise<number> {
  return answer({ name: "explain", files, question: "Explain this." }, flags, context);
}

/** `sluice assist review [FILE…]`: reviews a change. Throws a CommandError. */
export function review(files: readonly string[], flags: Flags, context: CliContext): Promise<number> {
  const diff: DiffRange | undefined = files.length > 0 ? undefined : { type: "worktree" };
  return answer({ name: "review", files, question: "Review this.", ...(diff && { diff }) }, flags, context);
}

type Task = {
  readonly name: string;
  readonly files: readonly string[];
  readonly question: string;
  readonly diff?: DiffRange;
};

function answer({ name, files, question, diff }: Task, flags: Flags, context: CliContext): Promise<number> {
  const look = async (repository: Repository) => {
    const gathered = await gather(repository, flags, context, { words: files, ...(diff && { diff }) });
    if (gathered.sources.length > 0) return gathered;
    if (gathered.leftOut.length > 0) {
      tellLeftOut(gathered.leftOut, context);
      throw new UsageError(`Nothing is left to ${name}.`);
    }
    throw new UsageError(
      diff === undefined && flags.diff === undefined
        ? `There is nothing to ${name}. Name a file, add --diff, or pipe a text in: sluice assist ${name} src/main.ts`
        : "Nothing has changed. Name a range of commits, such as --diff main..., or a file. New files count once they are added: git add -N .",
    );
  };
  return withAnswerer(name, flags, context, look, (work, gathered) => print(work, gathered, question));
}

/** Asks, and prints the answer while it comes. */
export async function print(work: Work, gathered: Parameters<typeof prepare>[1], question: string): Promise<void> {
  const { context, flags, answerer } = work;
  const { stdout, stderr } = context;
  const asked = await prepare(work, gathered, question);
  if (flags.json === true) {
    const { text, ending } = await collect(asked.ask);
    const { model } = ending.stats;
    const found = { model, answer: text, finish_reason: ending.reason };
    stdout.write(
      `${JSON.stringify({ ...found, ...encodeContext(asked.context, flags.showContext === true) }, null, 2)}\n`,
    );
    return;
  }
  const reader = stdout.isTTY === true ? await viewOf(context) : plainReader(context);
  let ending: Ending;
  try {
    ending = await asked.ask(reader);
  } finally {
    reader.end();
  }
  if (ending.isOutOfRounds)
    stderr.write("No more tools were called for this answer: --max-tool-rounds says how often they may be.\n");
  if (ending.reason === "length") {
    stderr.write(
      `The answer was cut off at its maximum length. Raise it with --max-tokens, as far as ${answerer.model} can.\n`,
    );
  }
}

/** A whole answer. */
export async function collect(
  ask: (reader: Reader) => Promise<Ending>,
): Promise<{ readonly text: string; readonly ending: Ending }> {
  let text = "";
  const ending = await ask({
    add(piece) {
      text += piece;
    },
    addThought() {},
  });
  return { text, ending };
}

async function viewOf(context: CliContext) {
  const { createAnswerView } = await import("../chat/answer-view.ts");
  return createAnswerView(context);
}

function plainReader({ stdout }: CliContext) {
  let isEmpty = true;
  return {
    add(piece: string) {
      isEmpty = false;
      stdout.write(answerFor(stdout, piece));
    },
    addThought() {},
    end: () => void stdout.write(isEmpty ? "" : "\n"),
  };
}
