import { fitSources } from "../../assist/budget.ts";
import { PathError } from "../../assist/paths.ts";
import { NotReplacedError } from "../../assist/replace-files.ts";
import { openRepository, type Repository } from "../../assist/repository.ts";
import { GitError } from "../../assist/run-git.ts";
import { quote } from "../../assist/sources.ts";
import type { Flags } from "../../config/load.ts";
import { PresetError } from "../../prompts/preset.ts";
import { readSampling } from "../ask/ask.ts";
import { withGateway } from "../ask/with-gateway.ts";
import type { Ending, Reader } from "../chat/conversation.ts";
import { type CliContext, EXIT } from "../context.ts";
import { escapeControls } from "../controls.ts";
import { CommandError } from "../errors.ts";
import { InterruptedError, type Interrupts } from "../interrupts.ts";
import type { Reached } from "../reach-gateway.ts";
import { type Answerer, chooseAnswerer, DeclinedError } from "./answerer.ts";
import { bounded } from "./bounded.ts";
import type { Gathered } from "./gather.ts";
import { loadPrompt } from "./prompts.ts";
import { type Context, showContext, tellLeftOut } from "./show-context.ts";
import { openAssistTools } from "./tools.ts";

/** What a command of `assist` works with. */
export type Work = {
  readonly repository: Repository;
  readonly flags: Flags;
  readonly context: CliContext;
  readonly signal: AbortSignal;
  readonly answerer: Answerer;
};

/** A question with the sources that fit. */
export type Asked = {
  readonly context: Context;
  /** @param more further fields of the request; `hint` is said after the question */
  readonly ask: (reader: Reader, more?: object, hint?: string) => Promise<Ending>;
};

/**
 * Runs a command in the repository around the current folder: first `look`, which needs no model, then `work`, with a model that answers by the
 * prompt `name`. Throws a CommandError.
 */
export async function withAnswerer<Found>(
  name: string,
  flags: Flags,
  context: CliContext,
  look: (repository: Repository) => Promise<Found>,
  work: (work: Work, found: Found) => Promise<void>,
): Promise<number> {
  const sampling = readSampling(flags);
  try {
    const repository = await openRepository(context.cwd, context.env);
    const found = await look(repository);
    const workWith = async (gateway: Reached, { signal }: Interrupts) => {
      const prompt = await loadPrompt(name, gateway.config, context.cwd);
      const tools = await openAssistTools(flags, context, signal);
      try {
        const options = { prompt, context, signal, sampling, allowRemote: flags.allowRemote === true };
        const answerer = await chooseAnswerer(gateway, { ...options, ...(tools && { tools: tools.use }) });
        await work({ repository, flags, context, signal, answerer }, found);
      } finally {
        await tools?.close();
      }
    };
    return await withGateway(flags, context, workWith, { isForeign: true });
  } catch (error) {
    if (error instanceof InterruptedError) context.stderr.write("Stopped. Nothing was changed.\n");
    if (error instanceof DeclinedError) {
      context.stderr.write("Nothing was sent.\n");
      return EXIT.done;
    }
    throw asCommandError(error);
  }
}

/** What git or a prompt's file says is for the user to mend. */
export function asCommandError(error: unknown): unknown {
  return error instanceof GitError ||
    error instanceof PathError ||
    error instanceof PresetError ||
    error instanceof NotReplacedError
    ? new CommandError(error.message, { cause: error })
    : error;
}

/** Puts as many sources before a question as fit the model's context, and says what doesn't. */
export async function prepare(
  { answerer, flags, context }: Work,
  gathered: Pick<Gathered, "sources" | "leftOut">,
  question: string,
): Promise<Asked> {
  const room = await answerer.roomFor(question);
  const { placed, leftOut } = await fitSources(gathered.sources, answerer.count, room);
  const input = [...placed.map(quote), question].join("\n");
  const shown = { placed, leftOut: [...gathered.leftOut, ...leftOut], input };
  tellLeftOut(shown.leftOut, context);
  if (flags.showContext === true && flags.json !== true) showContext(shown, answerer, context);
  return { context: shown, ask: (reader, more, hint = "") => answerer.ask(`${input}${hint}`, bounded(reader), more) };
}

/** Tells somebody at a terminal whom an answer is awaited from that is shown only once it is whole. */
export function tellAsked({ answerer, context: { stderr } }: Work): void {
  if (stderr.isTTY === true) stderr.write(`Asking ${escapeControls(answerer.model)}…\n`);
}
