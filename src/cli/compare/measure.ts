import { measureModel } from "../../engine/host/measure.ts";
import { estimateModelMemory } from "../../models/index.ts";
import type { ModelReport, Quality } from "../../store/comparison-report.ts";
import { CommandError } from "../errors.ts";
import { formatBytes } from "../units.ts";
import type { Device } from "./device.ts";
import { estimateTime } from "./estimate.ts";
import { judge } from "./judge.ts";
import type { CompareOptions } from "./options.ts";
import { CHUNK_TOKENS, type Scored } from "./quality.ts";
import { contextsWithin, measureRates, type Rates, roomFor } from "./rates.ts";
import { NOT_SCORED, type Subject, scoreBeside } from "./score-beside.ts";
import type { Steps } from "./show-steps.ts";

type Parts = {
  readonly device: Device;
  readonly options: CompareOptions;
  readonly text: string;
  readonly steps: Steps;
  readonly signal: AbortSignal;
  /** Called while nothing is computed. */
  readonly look: () => Promise<void>;
  readonly open?: typeof measureModel;
  readonly availableBytes?: () => number;
};

export type Measurement = {
  readonly reference: string;
  readonly scored: number;
  readonly models: readonly ModelReport[];
};

/**
 * Measures models: first how fast each is, one in memory at a time, then how well they predict the text, beside the largest that fits.
 *
 * @throws CommandError if none fits into the memory, MeasureError if one can't be loaded, the signal's reason
 */
export async function measureAll(subjects: readonly Subject[], parts: Parts): Promise<Measurement> {
  const { device, options, steps, look, open = measureModel, availableBytes = () => process.availableMemory() } = parts;
  const isCpu = device.backend === "cpu";
  const needs = (subject: Subject, contextTokens: number) => {
    const { fileBytes, slotBytes = 0, processBytes } = estimateModelMemory(subject.model, { slots: 1, contextTokens });
    return fileBytes + slotBytes + processBytes;
  };
  const contextsOf = ({ model }: Subject) =>
    contextsWithin(options.contexts, model.gguf.contextLength ?? Number.POSITIVE_INFINITY);
  const contextFor = (subject: Subject) => roomFor(contextsOf(subject));
  const load = ({ model }: Subject, contextTokens: number) =>
    open(
      {
        ...{ path: model.path, addon: device.addon, contextTokens },
        ...{ batchTokens: device.batchTokens, threads: device.threads },
      },
      parts.signal,
    );
  const fits = (group: readonly Subject[], contextTokens: (subject: Subject) => number) =>
    !isCpu || group.reduce((sum, each) => sum + needs(each, contextTokens(each)), 0) <= availableBytes();

  const able = subjects.filter((subject) => fits([subject], contextFor));
  if (able.length === 0) {
    throw new CommandError(
      `No model fits into the memory: ${formatBytes(availableBytes())} are free. Name smaller ones, or smaller --contexts.`,
    );
  }
  const estimate = estimateTime(able, options, steps);
  const rates = await measureRates(able, {
    repeats: options.repeats,
    open: (subject) => load(subject, contextFor(subject)),
    contextsOf,
    async onTurn(subject, round) {
      const { id } = subject;
      estimate.onTurn(subject);
      steps.begin(`${id}: how fast it is, ${round + 1} of ${options.repeats}`);
      await look();
    },
  });

  estimate.onTurn();
  const [reference, ...others] = able.toSorted((a, b) => b.model.sizeBytes - a.model.sizeBytes);
  if (reference === undefined) throw new Error("There is no reference.");
  const qualities = await scoreBeside(reference, others, {
    load: (subject) => load(subject, CHUNK_TOKENS),
    fits: (group) => fits(group, () => CHUNK_TOKENS),
    ...{ text: parts.text, maxTokens: options.tokens, steps },
  });
  const judged = judge(able.map((subject) => qualities.get(subject) ?? NOT_SCORED));
  return {
    reference: reference.id,
    scored: Math.max(...[...qualities.values()].map(({ tokens }) => tokens)),
    models: subjects.map((subject) => {
      const index = able.indexOf(subject);
      const own = rates[index];
      const missing = `It needs ${formatBytes(needs(subject, contextFor(subject)))} of memory, and less was free.`;
      if (own === undefined) return describe(subject, undefined, undefined, [missing], isCpu);
      const notes = explain(subject, reference, qualities.get(subject), judged[index]);
      return describe(subject, own, judged[index], notes, isCpu);
    }),
  };
}

/** Notes on what is missing of a model's quality. */
export function explain(
  subject: Pick<Subject, "id"> | undefined,
  reference: Pick<Subject, "id">,
  scored: Scored | undefined,
  quality: Quality | undefined,
): readonly string[] {
  if (quality === undefined) return [`The text is too short to score it: it needs at least ${CHUNK_TOKENS} tokens.`];
  if (subject === reference || scored?.isCompared === true) return [];
  return [
    scored?.isAlone === true
      ? `It has no KL: it and ${reference.id} don't fit into the memory together. Its perplexity is compared per byte of text.`
      : `It has no KL: its tokens are not those of ${reference.id}. Its perplexity is compared per byte of text.`,
  ];
}

function describe(
  { id, model, notes }: Subject,
  rates: Rates | undefined,
  quality: Quality | undefined,
  more: readonly string[],
  isCpu: boolean,
): ModelReport {
  const { quantization, parameterCount } = model.gguf;
  return {
    ...{ id, sizeBytes: model.sizeBytes, parameterCount },
    ...(quantization !== undefined && { quantization }),
    bitsPerWeight: (8 * (rates?.info.weightBytes ?? model.sizeBytes)) / Math.max(1, parameterCount),
    ...(rates?.memoryBytes !== undefined && isCpu && { memoryBytes: rates.memoryBytes }),
    loadMs: rates?.loadMs ?? 0,
    points: rates?.points ?? [],
    ...(rates?.joules !== undefined && { joules: rates.joules }),
    ...(quality !== undefined && { quality }),
    notes: [...notes, ...more],
  };
}
