import { writeFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { type Flags, loadConfig } from "../../config/load.ts";
import { MeasureError } from "../../engine/host/measure.ts";
import { type LocalModel, writesText } from "../../models/index.ts";
import type { ModelReport, Report } from "../../store/comparison-report.ts";
import { shellCommand } from "../../version.ts";
import { type CliContext, EXIT } from "../context.ts";
import { CommandError, describeError, UsageError } from "../errors.ts";
import { findLocal } from "../local-models.ts";
import { watchForCommand } from "../run-preset.ts";
import { checkPicture } from "./check-outputs.ts";
import { type Device, findDevice } from "./device.ts";
import { toJson } from "./json.ts";
import { measureAll } from "./measure.ts";
import { type CompareOptions, readOptions } from "./options.ts";
import { placeModels } from "./pareto.ts";
import { isQuantized, makeVariant } from "./quantizations.ts";
import { checkKeeping, keepReport, lastReport } from "./records.ts";
import type { Subject } from "./score-beside.ts";
import { scorePresets } from "./score-presets.ts";
import { showSteps } from "./show-steps.ts";
import { watchSurroundings } from "./surroundings.ts";
import { drawReport } from "./svg.ts";
import { formatReport } from "./table.ts";
import { readText } from "./text.ts";
import { decide } from "./verdict.ts";

/**
 * `sluice compare MODEL…`: measures models on this machine, prints what came of it, and keeps it in the state file. Throws a CommandError, and the
 * errors of the settings and of models' files.
 */
export async function compare(names: readonly string[], flags: Flags, context: CliContext): Promise<number> {
  const { env, cwd, stderr } = context;
  const { modelsDir, config: file, threads, gpu, host, port, stateFile } = flags;
  const { config } = loadConfig({ flags: { modelsDir, config: file, threads, gpu, host, port, stateFile }, env, cwd });
  const options = readOptions(flags);
  if (flags.last === true) {
    const last = lastReport(config, cwd);
    if (last !== undefined) return print(last, flags, options, context);
    throw new CommandError(`Nothing was compared yet. Name models: \`${shellCommand("compare MODEL…")}\``);
  }
  if (names.length === 0) {
    throw new UsageError(
      `Name the models to compare, or add --last. \`${shellCommand("list")}\` lists those that are here.`,
    );
  }
  const { name, text } = await readText(options.text, cwd);
  await checkPicture(options.svg, cwd);
  checkKeeping(config, cwd);
  const folder = resolve(cwd, config.modelsDir);
  const named = await Promise.all(names.map((each) => findLocal(each, folder, context)));
  for (const { id, gguf } of named) {
    if (!writesText(gguf)) throw new UsageError(`${id} makes embeddings or scores, and no text: it can't be compared.`);
  }
  const interrupts = watchForCommand(context);
  const steps = showSteps(stderr);
  const { signal } = interrupts;
  try {
    const device = await findDevice(config);
    const subjects = nameSubjects(await addVariants(named, options, { folder, device, signal, steps }), cwd);
    const surroundings = watchSurroundings(config, signal);
    const measured = await measureAll(subjects, { device, options, text, steps, signal, look: surroundings.look });
    const models = options.hasPresets
      ? await addPresets(measured.models, subjects, flags, context, signal)
      : measured.models;
    const { addon: _, batchTokens: __, ...machine } = device;
    const report: Report = {
      ...{ createdMs: Date.now(), machine, repeats: options.repeats, reference: measured.reference },
      ...surroundings.describe(),
      text: { name, tokens: options.tokens, scored: measured.scored },
      models: [...models],
      verdict: decide(models, measured.reference, options.within),
    };
    steps.end();
    return await print(report, flags, options, context, () => keepReport(report, config, cwd));
  } catch (error) {
    steps.end();
    if (signal.aborted) stderr.write("Stopped: no figures of this comparison were kept.\n");
    if (error instanceof MeasureError) throw new CommandError(error.message, { cause: error });
    throw error;
  } finally {
    interrupts.dispose();
  }
}

async function addVariants(
  models: readonly LocalModel[],
  { quantizations }: CompareOptions,
  parts: {
    readonly folder: string;
    readonly device: Device;
    readonly signal: AbortSignal;
    readonly steps: ReturnType<typeof showSteps>;
  },
): Promise<readonly Omit<Subject, "id">[]> {
  const { folder, device, signal, steps } = parts;
  const all: Omit<Subject, "id">[] = models.map((model) => ({ model, notes: [] }));
  for (const model of models) {
    if (quantizations.length > 0 && isQuantized(model)) {
      steps.note(
        `${model.id} is quantized already (${model.gguf.quantization ?? "unknown type"}): what is made of it loses precision a second time, and can't be better than it. Make variants of an F16 or BF16 file to see what they are worth.`,
      );
    }
    for (const quantization of quantizations) {
      if (quantization === model.gguf.quantization) continue;
      steps.begin(`${model.id}: quantizing to ${quantization}`);
      const onProgress = (share: number) =>
        steps.update(`${model.id}: quantizing to ${quantization}, ${Math.floor(share * 100)} %`);
      all.push(await makeVariant(model, quantization, { modelsDir: folder, device, signal, onProgress }));
    }
  }
  return all;
}

/** Each file once. Two files of the same id are told apart by their paths. */
function nameSubjects(found: readonly Omit<Subject, "id">[], cwd: string): readonly Subject[] {
  const byPath = [...new Map(found.map((each) => [each.model.path, each])).values()];
  return byPath.map((each) => {
    const isTwice = byPath.filter(({ model }) => model.id === each.model.id).length > 1;
    return { ...each, id: isTwice ? relative(cwd, each.model.path) : each.model.id };
  });
}

async function addPresets(
  models: readonly ModelReport[],
  subjects: readonly Subject[],
  flags: Flags,
  context: CliContext,
  signal: AbortSignal,
): Promise<readonly ModelReport[]> {
  const all: ModelReport[] = [];
  for (const [index, model] of models.entries()) {
    const subject = subjects[index];
    const isMeasured = subject !== undefined && model.points.length > 0;
    all.push(isMeasured ? { ...model, presets: await scorePresets(subject.model, flags, context, signal) } : model);
  }
  return all;
}

async function print(
  report: Report,
  flags: Flags,
  { svg }: CompareOptions,
  context: CliContext,
  keep = () => {},
): Promise<number> {
  const { stdout, stderr, cwd } = context;
  stdout.write(
    flags.json === true ? `${JSON.stringify(toJson(report), null, 2)}\n` : formatReport(report, stdout.columns),
  );
  try {
    keep();
  } catch (error) {
    stderr.write(`This comparison can't be kept for --last: ${describeError(error)}\n`);
  }
  if (svg === undefined) return EXIT.done;
  if (placeModels(report.models).spots.length === 0)
    throw new CommandError("--svg: no model was scored, so there is nothing to draw.");
  await writeFile(resolve(cwd, svg), drawReport(report));
  stderr.write(`The picture is in ${svg}.\n`);
  return EXIT.done;
}
