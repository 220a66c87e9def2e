import { resolve } from "node:path";
import { settingsOf } from "../../config/model-settings.ts";
import type { Config } from "../../config/schema.ts";
import { engineBytes, memoryBudget } from "../../gateway/memory-budget.ts";
import { type LocalModel, listDownloaded, loadCatalogue } from "../../models/index.ts";
import { DOWNLOADED } from "../fetch-models.ts";
import { formatBytes } from "../units.ts";
import { type Check, good, problem, warning } from "./check.ts";
import type { FindModelsOptions, findModels, ModelFinding } from "./models.ts";

/** The models that are loaded when they are asked for, each once, without those that are loaded anyway. */
export async function findOnDemand(
  { onDemand }: Pick<Config, "onDemand">,
  loaded: readonly ModelFinding[],
  options: FindModelsOptions,
  find: typeof findModels,
): Promise<readonly ModelFinding[]> {
  const named = onDemand.filter((name) => name !== DOWNLOADED);
  const findings = named.length === 0 ? [] : [...(await find(named, options))];
  if (named.length < onDemand.length) {
    const folder = resolve(options.cwd, options.modelsDir);
    const { models, unusable } = await listDownloaded(await loadCatalogue(), folder);
    findings.push(...models.map((model) => ({ state: "here", model, hash: "unread" }) as const));
    findings.push(...unusable.map(({ path, reason }) => ({ state: "unusable", name: path, reason }) as const));
  }
  const seen = new Set(loaded.map(idOf));
  return findings.filter((finding) => {
    const id = idOf(finding);
    if (seen.has(id)) return false;
    seen.add(id);
    return true;
  });
}

function idOf(finding: ModelFinding): string {
  if (finding.state === "here") return finding.model.id;
  return finding.state === "absent" ? finding.id : finding.name;
}

/** Checks whether each model has a chance to be loaded, beside those that are never unloaded. */
export function checkOnDemand(
  loaded: readonly LocalModel[],
  onDemand: readonly LocalModel[],
  config: Config,
  availableBytes: number,
): readonly Check[] {
  if (onDemand.length === 0 && config.memory === "auto") return [];
  const budgetBytes = memoryBudget(config, loaded, () => availableBytes);
  const needs = (model: LocalModel) => engineBytes(model, settingsOf(config, namesOf(model)));
  const needsAll = (model: LocalModel) => settingsOf(config, namesOf(model)).replicas * needs(model);
  const isPinned = (model: LocalModel) => settingsOf(config, namesOf(model)).pin === "on";
  const pinnedBytes = sum(loaded.filter(isPinned).map(needsAll));
  const may = `models may take ${formatBytes(budgetBytes)}${pinnedBytes === 0 ? "" : `, of which pinned ones hold ${formatBytes(pinnedBytes)}`}`;
  const isTooLarge = (model: LocalModel) => needs(model) + (isPinned(model) ? 0 : pinnedBytes) > budgetBytes;
  const misfits = [...loaded, ...onDemand].filter(isTooLarge);
  if (misfits.length > 0) {
    const named = misfits.map((model) => `${model.id} (${formatBytes(needs(model))})`).join(", ");
    const message = `${may}, so these can't be loaded: ${named}`;
    const advice = "Raise --memory, take fewer --slots or a smaller --context.";
    // The gateway ends where a model of the start can't be loaded.
    return [loaded.some(isTooLarge) ? problem("memory", message, advice) : warning("memory", message, advice)];
  }
  const atStart = sum(loaded.map(needsAll));
  if (atStart > budgetBytes) {
    const message = `the models of --model need about ${formatBytes(atStart)} together, and ${may}: they put each other out`;
    return [warning("memory", message, "Raise --memory, or name some of them in --on-demand instead.")];
  }
  if (onDemand.length === 0) return [];
  const count = `${onDemand.length} ${onDemand.length === 1 ? "model" : "models"}`;
  return [good("on demand", `${count}, about ${formatBytes(sum(onDemand.map(needsAll)))} together; ${may}`)];
}

function namesOf({ id, aliases }: LocalModel): readonly string[] {
  return [id, ...aliases];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
