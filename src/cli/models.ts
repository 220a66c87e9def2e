import { resolve } from "node:path";
import { type Flags, loadConfig } from "../config/load.ts";
import { type ListedModel, listModels, loadCatalogue } from "../models/index.ts";
import { type CliContext, EXIT } from "./context.ts";
import { formatTable } from "./table.ts";
import { formatBytes } from "./units.ts";

/** `sluice models`: prints the catalogue, and which of its models are in the models folder. Throws a ConfigError or CatalogueError. */
export async function models(flags: Flags, context: CliContext): Promise<number> {
  const { config } = loadConfig({ flags, env: context.env, cwd: context.cwd });
  const listed = await listModels(await loadCatalogue(), resolve(context.cwd, config.modelsDir));
  if (flags.json === true) {
    context.stdout.write(`${JSON.stringify(listed, null, 2)}\n`);
    return EXIT.done;
  }
  const rows = listed.map((model) => [
    model.name,
    formatSize(model),
    model.parameters,
    model.quantization,
    model.purpose,
    model.isDownloaded ? "yes" : "no",
  ]);
  context.stdout.write(
    formatTable([["NAME", "SIZE", "PARAMETERS", "QUANTIZATION", "PURPOSE", "DOWNLOADED"], ...rows], [1]),
  );
  return EXIT.done;
}

/** An estimated size is marked with `~`. */
function formatSize({ sizeBytes, approximateSizeBytes }: ListedModel): string {
  if (sizeBytes !== undefined) return formatBytes(sizeBytes);
  return approximateSizeBytes === undefined ? "" : `~${formatBytes(approximateSizeBytes)}`;
}
