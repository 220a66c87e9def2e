import type { Message, Reply, StreamOptions } from "../load/client.ts";
import { createWriter, seedOf, type Writer } from "../load/text.ts";
import type { Server } from "../peers/server.ts";
import type { Bench } from "./workload.ts";

export type ChatRequest = {
  readonly messages: readonly Message[];
  /** Exactly so many are generated. */
  readonly maxTokens: number;
  /** How long the prompt must come out, if that is known; 3 % to either side are let pass. */
  readonly promptTokens?: number;
  /** 0 unless given. */
  readonly temperature?: number;
};

type ChatOptions = Partial<StreamOptions>;

/** A server and the ways in which workloads talk with it. */
export type Session = {
  readonly server: Server;
  readonly quick: boolean;
  readonly signal: AbortSignal;
  /** Streams one answer. Throws where prompt or answer are not as long as they should be: then something else was measured. */
  chat(request: ChatRequest, options?: ChatOptions): Promise<Reply>;
  /** What is posted for a request. */
  body(request: ChatRequest): object;
  /** A system and a user message that make a prompt of so many tokens, the template's own included. */
  prompt(writer: Writer, promptTokens: number, maxTokens: number): ChatRequest;
  /** The same text for every contestant, and another for each round and key. */
  writer(round: number, key?: string): Writer;
};

export const CHAT_PATH = "/v1/chat/completions";
/** The template's own tokens are found with two texts of this length. */
const PROBE_TOKENS = 16;
const TOLERANCE = 0.03;

/** Prepares to talk with a server: finds out how many tokens its chat template adds. */
export async function openSession(server: Server, bench: Bench, workload: string): Promise<Session> {
  const logitBias = Object.fromEntries(bench.endTokens.map((token) => [token, -100]));

  function body({ messages, maxTokens, temperature = 0 }: ChatRequest): object {
    return {
      model: bench.shared.modelId,
      messages,
      max_tokens: maxTokens,
      temperature,
      logit_bias: logitBias,
      stream: true,
      stream_options: { include_usage: true },
    };
  }

  async function chat(request: ChatRequest, options: ChatOptions = {}): Promise<Reply> {
    const { maxTokens, promptTokens } = request;
    const reply = await server.client.stream(CHAT_PATH, body(request), { signal: bench.signal, ...options });
    if (reply.completionTokens !== maxTokens) {
      throw new Error(`an answer of ${maxTokens} tokens was asked for, and one of ${reply.completionTokens} came`);
    }
    if (promptTokens !== undefined && Math.abs(reply.promptTokens - promptTokens) > TOLERANCE * promptTokens) {
      throw new Error(`a prompt of ${promptTokens} tokens was meant, and the server counted ${reply.promptTokens}`);
    }
    return reply;
  }

  function writer(round: number, key = ""): Writer {
    return createWriter(bench.lexicon, seedOf(`${bench.runSeed}/${workload}/${round}/${key}`));
  }

  const probe = writer(-1, "probe");
  const messages = [
    { role: "system", content: probe.passage(PROBE_TOKENS) },
    { role: "user", content: probe.passage(PROBE_TOKENS) },
  ] as const;
  const templateTokens = (await chat({ messages, maxTokens: 1 })).promptTokens - 2 * PROBE_TOKENS;

  return {
    server,
    quick: bench.quick,
    signal: bench.signal,
    chat,
    body,
    writer,
    prompt(source, promptTokens, maxTokens) {
      const textTokens = promptTokens - templateTokens;
      const systemTokens = Math.floor(textTokens / 3);
      return {
        messages: [
          { role: "system", content: source.passage(systemTokens) },
          { role: "user", content: source.passage(textTokens - systemTokens) },
        ],
        maxTokens,
        promptTokens,
      };
    },
  };
}
