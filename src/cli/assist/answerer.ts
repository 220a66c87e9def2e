import { isIP } from "node:net";
import { z } from "zod";
import type { Count } from "../../assist/budget.ts";
import type { Preset } from "../../prompts/preset.ts";
import { createConversation, type Ending, type Reader } from "../chat/conversation.ts";
import type { CliContext } from "../context.ts";
import { escapeControls } from "../controls.ts";
import { CommandError, RefusedError } from "../errors.ts";
import type { GatewayClient } from "../gateway-client.ts";
import type { ToolUse } from "../mcp/tool-calls.ts";
import type { Reached } from "../reach-gateway.ts";
import { messagesOf } from "./prompts.ts";
import { askTerminal } from "./terminal.ts";

/** Somebody doesn't want texts to go to another machine. */
export class DeclinedError extends Error {
  override readonly name = "DeclinedError";
}

/** What is assumed of a model whose context isn't known, such as one that isn't loaded. */
const UNKNOWN_CONTEXT = 4_096;
const DEFAULT_ANSWER_TOKENS = 1_024;
/** The part of the context that an answer takes at most. */
const ANSWER_SHARE = 1 / 3;
/** What a model's template puts around a message. */
const MESSAGE_TOKENS = 16;
/** Where a model's tokens can't be counted: code has more than two bytes for a token in every usual vocabulary. */
const BYTES_PER_TOKEN = 2;

/** Such requests are refused by the gateway where another machine would answer them. */
const STAYS_HERE = { "sluice-local-only": "1" };

const modelList = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      owned_by: z.string().nullish(),
      root: z.string().nullish(),
      state: z.string().optional(),
      max_model_len: z.number().nullish(),
      capabilities: z.array(z.string()).optional(),
      preset: z.unknown().optional(),
      meta: z.object({ sha256: z.string().nullish() }).nullish(),
    }),
  ),
});
type Listed = z.infer<typeof modelList>["data"][number];

const tokenList = z.object({ tokens: z.array(z.unknown()) });

const vectorList = z.object({ data: z.array(z.object({ embedding: z.array(z.number()) })) });

/** A model for embeddings alone. */
export type Embedder = {
  readonly model: string;
  /** Changes with its file. */
  readonly version: string;
  readonly embed: (texts: readonly string[]) => Promise<readonly Float32Array[]>;
};

/** The model that answers, and what fits into its context. */
export type Answerer = {
  readonly model: string;
  readonly count: Count;
  /** The tokens that are left for the sources when this is asked of them. */
  readonly roomFor: (question: string) => Promise<number>;
  /** Asks once. Throws a CommandError, also for an answer that broke off, and an InterruptedError for one that was stopped. */
  readonly ask: (input: string, reader: Reader, more?: object) => Promise<Ending>;
  readonly embedder?: Embedder;
  readonly messagesOf: (input: string) => ReturnType<typeof messagesOf>;
};

export type AnswererOptions = {
  readonly prompt: Preset;
  readonly context: CliContext;
  readonly signal: AbortSignal;
  /** Whether texts may go to another machine. */
  readonly allowRemote: boolean;
  /** Fields of the request that flags set. */
  readonly sampling: { readonly max_tokens?: number; readonly temperature?: number };
  /** The tools that it may call; none if absent. */
  readonly tools?: ToolUse;
};

/**
 * Chooses the model that answers: the named one, else one that the prompt names, else the first on this machine. Throws a CommandError if there is
 * none, or if texts would leave the machine and nobody has allowed it.
 */
export async function chooseAnswerer(
  { client, models: [named] }: Pick<Reached, "client" | "models">,
  { prompt, context, signal, allowRemote, sampling, tools }: AnswererOptions,
): Promise<Answerer> {
  const { data } = modelList.parse(await client.get("/v1/models"));
  const model = choose(data, named, prompt, client);
  const listed = data.find(({ id }) => id === model);
  const mayLeave = allowRemote && !prompt.localOnly;
  const remote = whyRemote(client, data);
  if (remote !== undefined && !mayLeave) await requireLeave(remote);
  let asked = mayLeave ? client : client.withHeaders(STAYS_HERE);

  async function requireLeave(why: string): Promise<void> {
    const isAllowed = !prompt.localOnly && (await askTerminal(`${why} Send it there?`, context, signal));
    if (isAllowed === true) return;
    if (isAllowed === false && !prompt.localOnly) throw new DeclinedError();
    throw new RefusedError(
      403,
      prompt.localOnly
        ? `${why} The prompt assist/${prompt.id}.yaml says localOnly: name a model of this machine with --model.`
        : `${why} Nothing was sent. Name a model of this machine with --model, or allow it: --allow-remote`,
    );
  }

  const contextTokens = listed?.max_model_len ?? UNKNOWN_CONTEXT;
  const answerTokens = Math.floor(
    Math.min(sampling.max_tokens ?? prompt.maxTokens ?? DEFAULT_ANSWER_TOKENS, contextTokens * ANSWER_SHARE),
  );
  let canCount = true;
  const count: Count = async (text) => {
    if (canCount) {
      try {
        return tokenList.parse(await asked.post("/tokenize", { model, content: text, parse_special: false })).tokens
          .length;
      } catch (error) {
        // Such as a server that has no such endpoint, or has another one there.
        const isUnable = [RefusedError, z.ZodError, SyntaxError].some((kind) => error instanceof kind);
        if (!isUnable) throw error;
        canCount = false;
      }
    }
    return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN);
  };

  const reader = data.find(
    ({ capabilities: can = [], owned_by: owner, preset }) =>
      preset === undefined &&
      can.includes("embeddings") &&
      !can.includes("completion") &&
      (mayLeave || owner === "sluice"),
  );
  const embedder: Embedder | undefined = reader && {
    model: reader.id,
    version: JSON.stringify([reader.id, reader.meta?.sha256 ?? null]),
    async embed(input) {
      const answer = await asked.post("/v1/embeddings", { model: reader.id, input });
      return vectorList.parse(answer).data.map(({ embedding }) => Float32Array.from(embedding));
    },
  };

  async function send(input: string, reader: Reader, more: object): Promise<Ending> {
    const { system, before, last } = messagesOf(prompt, input);
    const fields = { ...prompt.sampling, ...sampling, max_tokens: answerTokens, ...more };
    const given = { model, system, before, sampling: fields, ...(tools && { tools: () => tools }) };
    const ending = await createConversation(asked, given).ask(last, reader, signal);
    signal.throwIfAborted();
    if (ending.isUnfinished) throw new CommandError("The answer broke off, so nothing is done with it. Try again.");
    return ending;
  }

  return {
    ...{ model, count, messagesOf: (input) => messagesOf(prompt, input) },
    ...(embedder && { embedder }),
    async roomFor(question) {
      const { system, before, last } = messagesOf(prompt, question);
      const texts = [system, ...before.map(({ content }) => content), last];
      const taken = await count([...texts, ...(tools ? [JSON.stringify(tools.definitions)] : [])].join("\n"));
      const room = contextTokens - answerTokens - taken - texts.length * MESSAGE_TOKENS;
      if (room > 0) return room;
      throw new CommandError(
        `The question alone doesn't fit ${escapeControls(model)}, whose context has ${contextTokens} tokens. Ask less, or serve it with a larger --context.`,
      );
    },
    async ask(input, reader, more = {}) {
      try {
        return await send(input, reader, more);
      } catch (error) {
        if (!(error instanceof RefusedError && error.code === "local_only")) throw error;
        await requireLeave(`${escapeControls(model)} is answered by another machine.`);
        asked = client;
        return send(input, reader, more);
      }
    },
  };
}

function choose(data: readonly Listed[], named: string | undefined, prompt: Preset, client: GatewayClient): string {
  if (named !== undefined) return named;
  const chatting = data.filter(
    ({ capabilities, preset }) => preset === undefined && (capabilities === undefined || capabilities.includes("chat")),
  );
  const wanted = prompt.models.find((name) => chatting.some(({ id }) => id === name));
  // A gateway's own models and routes are owned by Sluice, and others by the server that they are on.
  const model = wanted ?? chatting.find(({ owned_by: owner }) => owner === "sluice")?.id ?? chatting[0]?.id;
  if (model !== undefined) return model;
  throw new CommandError(
    `The gateway at ${client.url} serves no model that chats. Name one with --model, or serve one.`,
  );
}

/** Why texts that are sent to the gateway may leave the machine, whatever it is told; undefined if it can be held to stay. */
function whyRemote({ url }: GatewayClient, data: readonly Listed[]): string | undefined {
  if (!isLoopback(new URL(url).hostname)) return `The gateway at ${url} is on another machine.`;
  // Another server takes no notice of the header.
  if (data.every(({ state }) => state !== undefined)) return undefined;
  return `What responds at ${url} is not Sluice, and can't be told to keep texts on this machine.`;
}

function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return (
    host === "localhost" ||
    host.endsWith(".localhost") ||
    host === "::1" ||
    (isIP(host) === 4 && host.startsWith("127."))
  );
}
