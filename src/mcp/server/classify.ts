import { z } from "zod";
import { chooseModel } from "./models.ts";
import type { Call } from "./tool.ts";
import { answer, defineTool, failure, MAX_TEXT_LENGTH, modelName, text } from "./tool.ts";

const MAX_LABELS = 256;
const MAX_LABEL_LENGTH = 256;
/** Each is a request of its own. */
const MAX_SCORED_LABELS = 32;
const SCORED_AT_ONCE = 4;

const completion = z.object({
  choices: z
    .array(
      z.object({
        message: z.object({ content: z.string() }),
        logprobs: z.object({ content: z.array(z.object({ logprob: z.number() })).nullish() }).nullish(),
      }),
    )
    .min(1),
});

/** `classify`: has a model choose one of several labels for a text. A grammar rules out everything else. */
export const classify = defineTool({
  name: "classify",
  title: "Classify a text",
  description:
    "Has a language model that Sluice serves choose the label that fits a text. The answer is always exactly one of the labels.",
  capability: "chat",
  inputSchema: z.strictObject({
    text: text.describe("The text to classify."),
    labels: z
      .array(z.string().min(1).max(MAX_LABEL_LENGTH))
      .min(2)
      .max(MAX_LABELS)
      .refine((labels) => new Set(labels).size === labels.length, "each label may be there once")
      .describe("The labels to choose from."),
    instructions: z.string().max(MAX_TEXT_LENGTH).optional().describe("What the labels mean, or what to decide by."),
    model: modelName.optional(),
    probabilities: z
      .boolean()
      .optional()
      .describe(
        `Whether to tell how probable the model finds each of up to ${MAX_SCORED_LABELS} labels, and answer with the most probable.`,
      ),
  }),
  async run({ text, labels, instructions = "", model: named, probabilities = false }, call) {
    if (probabilities && labels.length > MAX_SCORED_LABELS) {
      return failure(`'probabilities' is for up to ${MAX_SCORED_LABELS} labels. Leave it out, or give fewer labels.`);
    }
    const model = named ?? (await chooseModel(call.door, "chat"));
    const body = {
      ...{ model, temperature: 0, seed: 0 },
      messages: [
        { role: "system", content: describeTask(labels, instructions) },
        { role: "user", content: text },
      ],
    };
    if (!probabilities) {
      call.report("waiting for the label");
      const label = (await ask({ ...body, guided_choice: labels }, call)).message.content;
      return answer(label, { label });
    }
    const shares = sharesOf(await scoreAll(labels, body, call));
    const [[label] = [""]] = shares.toSorted(([, share], [, other]) => other - share);
    return answer(label, { label, probabilities: Object.fromEntries(shares) });
  },
});

function describeTask(labels: readonly string[], instructions: string): string {
  const task = `Classify the user's text. Answer with one of these labels and nothing else: ${labels.join(", ")}.`;
  return instructions.trim() === "" ? task : `${instructions.trim()}\n\n${task}`;
}

async function ask(body: object, { door, signal }: Call) {
  const [choice] = completion.parse(await door.post("/v1/chat/completions", body, signal)).choices;
  if (choice === undefined) throw new Error("a completion has a choice");
  return choice;
}

type Scored = readonly [label: string, logprob: number];

/** How probable a model finds each label as its whole answer. The prompt is evaluated once, since all have it in common. */
async function scoreAll(labels: readonly string[], body: object, call: Call): Promise<readonly Scored[]> {
  const scored: Scored[] = [];
  const score = async (label: string) => {
    const { logprobs } = await ask({ ...body, guided_choice: [label], logprobs: true }, call);
    const tokens = logprobs?.content ?? [];
    scored.push([label, tokens.reduce((sum, { logprob }) => sum + logprob, 0)]);
    call.report(`${scored.length} of ${labels.length} labels`);
  };
  const [first = "", ...rest] = labels;
  call.report("waiting for the first label");
  await score(first);
  const waiting = rest.values();
  await Promise.all(
    Array.from({ length: SCORED_AT_ONCE }, async () => {
      for (const label of waiting) await score(label);
    }),
  );
  return scored;
}

/** Probabilities that add up to 1, since the answer is one of the labels. */
function sharesOf(scored: readonly Scored[]): readonly (readonly [label: string, share: number])[] {
  const most = Math.max(...scored.map(([, logprob]) => logprob));
  const masses = scored.map(([label, logprob]) => [label, Math.exp(logprob - most)] as const);
  const total = masses.reduce((sum, [, mass]) => sum + mass, 0);
  return masses.map(([label, mass]) => [label, mass / total]);
}
