import type { SemanticWish } from "../../generation/cache.ts";
import type { Embed } from "../../generation/embedding.ts";
import type { GenerationEvent, SampledLogprob } from "../../generation/event.ts";
import type { Generate } from "../../generation/layer.ts";
import type { GenerationRequest, Message } from "../../generation/request.ts";
import { PLAIN_SAMPLING } from "../../generation/sampling.ts";
import { OWN_TERMS } from "../../generation/terms.ts";

/** The models that are asked. No key's limits apply, and no key is charged. */
export type Judges = {
  /** Also throws if there is no such model, or it makes no vectors. */
  readonly embed: Embed;
  readonly generate: Generate;
};

/** Two texts that ask for the same by their words. */
export type Pair = { readonly text: string; readonly stored: string };

/** Whether the models agree that two texts ask for the same. Rejects if they can't be asked. */
export type Verify = (request: GenerationRequest, pair: Pair, signal: AbortSignal) => Promise<boolean>;

const MAX_LOGPROBS = 20;

/** Asks the models that the preset names, one by one, as long as they agree. */
export function verifyBy(judges: Judges): Verify {
  return async (request, pair, signal) => {
    const wish = request.cache?.semantic;
    if (wish === undefined) return false;
    return (
      (wish.minSimilarity === 0 || (await similarity(judges, request, wish, pair, signal)) >= wish.minSimilarity) &&
      (wish.minAgreement === 0 || (await agreement(judges, request, pair, signal)) >= wish.minAgreement)
    );
  };
}

/** The cosine of the texts' vectors. */
async function similarity(
  { embed }: Judges,
  { id, model, terms = OWN_TERMS }: GenerationRequest,
  wish: SemanticWish,
  { text, stored }: Pair,
  signal: AbortSignal,
): Promise<number> {
  const items = [text, stored].map((each) => ({ type: "text" as const, text: each }));
  const { vectors } = await embed({
    ...{ id, model: wish.model ?? model, items, dimensions: undefined, signal },
    // The question is the gateway's own: it is not sent to another server.
    terms: { tenant: terms.tenant, priority: terms.priority, localOnly: true },
  });
  const [a, b] = vectors;
  return a === undefined || b === undefined ? 0 : dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
}

/** The probability of "yes" rather than "no" when the request's model is asked whether the same answer fits both texts. */
async function agreement(
  { generate }: Judges,
  { id, model, terms = OWN_TERMS }: GenerationRequest,
  pair: Pair,
  signal: AbortSignal,
): Promise<number> {
  const events = generate({
    id,
    model,
    prompt: { type: "chat", messages: questionFor(pair), templateArguments: { enable_thinking: false } },
    choices: 1,
    maxTokens: 1,
    stop: [],
    logprobs: MAX_LOGPROBS,
    // Only the probabilities are used. Without a fixed seed or temperature 0, the prompt's common prefix may come from a slot.
    sampling: PLAIN_SAMPLING,
    // The question is the gateway's own: it is not sent to another server.
    terms: { tenant: terms.tenant, priority: terms.priority, localOnly: true },
    signal,
  });
  const first = await firstToken(events);
  return first === undefined ? 0 : shareOfYes(first);
}

/** The prompt begins the same for all pairs, so that the prefix is evaluated once. */
function questionFor({ text, stored }: Pair): readonly Message[] {
  const turns = EXAMPLES.flatMap(([a, b, answer]): Message[] => [
    { role: "user", content: ask(a, b) },
    { role: "assistant", content: answer },
  ]);
  return [{ role: "system", content: INSTRUCTIONS }, ...turns, { role: "user", content: ask(stored, text) }];
}

const INSTRUCTIONS = "You compare two requests. Say yes if the same answer fits both, otherwise no.";
const EXAMPLES = [
  ["How do I turn the alarm on?", "How do I turn the alarm off?", "no"],
  ["How do I make tea?", "How to make tea", "yes"],
  ["Who was king in 1820?", "Who was king in 1830?", "no"],
  ["What is a fugue?", "Could you explain what a fugue is?", "yes"],
] as const;

function ask(a: string, b: string): string {
  return `1: ${a}\n2: ${b}`;
}

async function firstToken(events: AsyncIterable<GenerationEvent>): Promise<SampledLogprob | undefined> {
  for await (const event of events) {
    const first = event.type === "text" ? event.logprobs?.[0] : undefined;
    if (first !== undefined) return first;
  }
  return undefined;
}

function shareOfYes({ top }: SampledLogprob): number {
  const spelled = top.map(({ bytes, logprob }) => ({
    word: Buffer.from(bytes).toString().trim().toLowerCase(),
    probability: Math.exp(logprob),
  }));
  const sumOf = (wanted: string) =>
    spelled.reduce((sum, { word, probability }) => (word === wanted ? sum + probability : sum), 0);
  const yes = sumOf("yes");
  return yes === 0 ? 0 : yes / (yes + sumOf("no"));
}
