import { basename } from "node:path";
import type { Flags } from "../../config/load.ts";
import type { LocalModel } from "../../models/index.ts";
import type { ModelReport } from "../../store/comparison-report.ts";
import type { CliContext } from "../context.ts";
import { readTrials } from "../eval.ts";
import { evaluate } from "../evaluate.ts";
import { reachGateway } from "../reach-gateway.ts";
import { wilson } from "../wilson.ts";

/** Runs the cases of all presets with a model, in a gateway that serves it. Throws as `evalPresets` does. */
export async function scorePresets(
  model: LocalModel,
  flags: Flags,
  context: CliContext,
  signal: AbortSignal,
): Promise<NonNullable<ModelReport["presets"]>> {
  const { config, threads, gpu, promptsDir, modelsDir } = flags;
  const own = { config, threads, gpu, promptsDir, modelsDir, model: [model.path], port: "0" };
  await using gateway = await reachGateway(own, context, signal);
  const trials = await readTrials(gateway.config.promptsDir, context.cwd, undefined);
  let passed = 0;
  let cases = 0;
  for (const { preset, cases: wanted } of trials) {
    const score = await evaluate(
      { preset, model: gateway.models[0] ?? basename(model.path), cases: wanted },
      gateway.client,
    );
    passed += score.cases.filter(({ unmet }) => unmet.length === 0).length;
    cases += score.cases.length;
  }
  return { passed, cases, ...wilson(passed, cases) };
}
