import type { Handler } from "hono";
import { type Backend, partOf } from "../../generation/backend.ts";
import { EngineUnavailableError, GenerationError } from "../../generation/errors.ts";
import type { GenerationRequest, Prompt } from "../../generation/request.ts";
import { withDefaults } from "../../generation/wish.ts";
import { decodeTemplateArguments } from "../../protocols/chat/template-arguments.ts";
import { blameInput } from "../../protocols/prompt-errors.ts";
import { type CompactRequest, decodeCompactRequest, encodeCompacted } from "../../protocols/responses/compact.ts";
import { messagesToKeep, newCompaction } from "../../protocols/responses/compaction.ts";
import { askForSummary, toTranscript } from "../../protocols/responses/transcript.ts";
import { createTally, type Tally } from "../../protocols/tally.ts";
import { answerClient, answerWhole } from "../answer.ts";
import type { HttpEnv } from "../context.ts";
import { type ClientGeneration, noteNews, startGeneration } from "../generation.ts";
import { readJson } from "../json-body.ts";
import { chooseModel } from "../model.ts";
import { keepNewest } from "../responses/keep-newest.ts";
import { summarize } from "../responses/summarize.ts";
import { loadTurn } from "../responses/turn.ts";
import { askerFor, stateOf } from "../tenant.ts";
import { makeTerms } from "../terms.ts";
import type { ResponsesDeps } from "./responses.ts";

/** The maximum share of the context for the messages that stay; the newest stay. */
const MESSAGES_SHARE = 1 / 4;

/** The sampling of a summary: the most likely tokens, without endless repetition. */
const MANNER = withDefaults({ sampling: { temperature: 0, repeatPenalty: 1.1 } });

/** The model wrote no summary. */
class EmptySummaryError extends GenerationError {
  readonly code = "empty_summary";

  constructor() {
    super("The model wrote no summary of this conversation. Send it as it is, or compact it with another model.");
  }
}

/**
 * `POST /v1/responses/compact`: lets the model summarize a conversation, and answers with a shorter one: the users' messages, and an item
 * with the encrypted summary, which only this server can read.
 */
export function compactResponse({ generate, models, state, now }: ResponsesDeps): Handler<HttpEnv> {
  return async (c) => {
    const connection = c.req.raw.signal;
    const request = decodeCompactRequest(await readJson(c));
    const model = chooseModel(c, models, request.model);
    const kept = stateOf(c, state);
    // Creates the key if necessary: a summary that can't be sealed should not be generated.
    kept.seal.seal("");

    const { items, readable } = loadTurn(kept, request);
    const ask = (soFar: string, text: string) => toPrompt(request, askForSummary(soFar, text));
    const terms = makeTerms(c, request.serviceTier);
    const asker = askerFor(terms, connection);
    const texts = partOf(model, "text");
    const countTokens = (prompt: Prompt) => texts.countTokens(prompt, [], asker);
    // This also waits until the model has loaded.
    await countTokens(ask("", "")).catch((error: unknown) => {
      throw blameInput(error);
    });
    const contextTokens = contextOf(model);
    const newest = await keepNewest(messagesToKeep(items), Math.floor(contextTokens * MESSAGES_SHARE), (text) =>
      texts.tokenize(text, { addSpecial: false, parseSpecial: false }, asker),
    );
    const run = summarize(toTranscript(readable), { generate, countTokens, contextTokens, ask });
    const id = c.get("requestId");
    const tally = createTally(1);
    const generation = startGeneration(
      run,
      { ...MANNER, prompt: ask("", ""), id, model: model.id, terms, observe: noteNews(c, tally) },
      connection,
    );
    const answer = async () => {
      const summary = await readSummary(generation, tally);
      return encodeCompacted(newest, newCompaction(summary, kept.seal), tally.counts(), now());
    };
    return answerClient(c, generation, () => answerWhole(c, tally, answer()), blameInput);
  };
}

function toPrompt({ instructions }: CompactRequest, question: string): GenerationRequest["prompt"] {
  const templateArguments = decodeTemplateArguments({ reasoning_effort: "none" });
  return {
    type: "chat",
    messages: [
      ...(instructions === undefined ? [] : [{ role: "system", content: instructions.toWellFormed() } as const]),
      { role: "user", content: question },
    ],
    ...(templateArguments === undefined ? {} : { templateArguments }),
  };
}

function contextOf(model: Backend): number {
  const { contextTokens } = model.details();
  if (contextTokens === undefined) throw new EngineUnavailableError("The model has not loaded.");
  return contextTokens;
}

async function readSummary(generation: ClientGeneration, tally: Tally): Promise<string> {
  let summary = "";
  for await (const event of { [Symbol.asyncIterator]: () => generation.events }) {
    tally.note(event);
    if (event.type === "started") summary = "";
    if (event.type === "text") summary += event.text;
  }
  if (summary.trim() === "") throw new EmptySummaryError();
  return summary.trim();
}
