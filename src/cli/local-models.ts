import { resolve } from "node:path";
import { z } from "zod";
import { type Flags, loadConfig } from "../config/load.ts";
import { UnknownModelError } from "../models/errors.ts";
import {
  findModel,
  type LocalModel,
  listDownloaded,
  loadCatalogue,
  removeModel,
  resolveModel,
  splitPaths,
} from "../models/index.ts";
import { shellCommand } from "../version.ts";
import { type CliContext, EXIT } from "./context.ts";
import { CommandError, describeError } from "./errors.ts";
import { reachRunning } from "./reach-gateway.ts";
import { formatTable } from "./table.ts";
import { formatBytes } from "./units.ts";

/** How long a gateway may take to say what it serves, before a file is removed. */
const PROBE_MS = 1_000;

/** `sluice list`: prints the models in the models folder. Throws a ConfigError or CatalogueError. */
export async function listLocal(flags: Flags, context: CliContext): Promise<number> {
  const { stdout, stderr } = context;
  const folder = folderOf(flags, context);
  const { models, unusable } = await listDownloaded(await loadCatalogue(), folder);
  for (const { path, reason } of unusable) stderr.write(`${path} can't be used: ${reason}\n`);
  if (flags.json === true) {
    stdout.write(`${JSON.stringify(models.map(toJson), null, 2)}\n`);
    return EXIT.done;
  }
  if (models.length === 0) {
    stderr.write(`No model is in ${folder}. \`${shellCommand("models")}\` lists what can be pulled by its name.\n`);
    return EXIT.done;
  }
  const rows = models.map(({ id, sizeBytes, gguf }) => [
    ...[id, formatBytes(sizeBytes), formatCount(gguf.parameterCount), gguf.quantization ?? ""],
    ...[gguf.contextLength === undefined ? "" : String(gguf.contextLength), gguf.architecture],
  ]);
  const heading = ["NAME", "SIZE", "PARAMETERS", "QUANTIZATION", "CONTEXT", "ARCHITECTURE"];
  stdout.write(formatTable([heading, ...rows], [1, 2, 4]));
  return EXIT.done;
}

/** `sluice show NAME`: prints what a model's file says of it. Throws an UnknownModelError if it isn't there, and the errors of `findModel`. */
export async function showLocal(name: string, flags: Flags, context: CliContext): Promise<number> {
  const model = await findLocal(name, folderOf(flags, context), context);
  if (flags.json === true) {
    context.stdout.write(`${JSON.stringify(toJson(model), null, 2)}\n`);
    return EXIT.done;
  }
  const { id, aliases, path, sizeBytes, gguf } = model;
  const facts: readonly (readonly [string, string | number | undefined])[] = [
    ["name", id],
    ["also", aliases.length === 0 ? undefined : aliases.join(", ")],
    ["file", path],
    ["parts", gguf.split?.count],
    ["size", formatBytes(sizeBytes)],
    ["title", gguf.name],
    ["architecture", gguf.architecture],
    ["parameters", formatCount(gguf.parameterCount)],
    ["quantization", gguf.quantization],
    ["context", gguf.contextLength && `${gguf.contextLength} tokens`],
    ["memory per token", gguf.kvBytesPerToken && formatBytes(gguf.kvBytesPerToken)],
    ["vocabulary", gguf.vocabularySize && `${gguf.vocabularySize} tokens`],
    ["chat template", gguf.chatTemplate ? "in the file" : "none: ChatML is used"],
    ["makes", gguf.poolingType === undefined ? "text" : "embeddings or scores"],
  ];
  // A file may say nothing of a thing, or 0.
  context.stdout.write(formatTable(facts.flatMap(([what, value]) => (value ? [[what, String(value)]] : []))));
  return EXIT.done;
}

/** `sluice rm NAME…`: removes models from the models folder. Throws a CommandError for one that isn't there, or that a running gateway serves. */
export async function removeLocal(names: readonly string[], flags: Flags, context: CliContext): Promise<number> {
  const folder = folderOf(flags, context);
  const models = await Promise.all(names.map((name) => findLocal(name, folder, context)));
  const served = flags.force === true ? [] : await listServed(flags, context);
  for (const { id, path } of models) {
    if (resolve(path, "..") !== folder) {
      throw new CommandError(`${path} is not in the models folder ${folder}: remove it yourself.`);
    }
    if (served.some((each) => each.toLowerCase() === id.toLowerCase())) {
      throw new CommandError(
        `${id} is served by the gateway that runs here. Remove it there first, or add --force: what is loaded stays until it is unloaded.`,
      );
    }
  }
  for (const model of models) {
    await removeModel(model);
    if (flags.json !== true) context.stdout.write(`${model.id}: removed ${formatBytes(model.sizeBytes)}\n`);
  }
  if (flags.json === true) context.stdout.write(`${JSON.stringify(models.map(toJson), null, 2)}\n`);
  return EXIT.done;
}

function folderOf({ modelsDir, config: file }: Flags, { env, cwd }: CliContext): string {
  return resolve(cwd, loadConfig({ flags: { modelsDir, config: file }, env, cwd }).config.modelsDir);
}

/** Finds a model by the name that `sluice list` shows, by an alias of the catalogue, or as `sluice pull` would name it. */
export async function findLocal(name: string, folder: string, { cwd }: CliContext): Promise<LocalModel> {
  const catalogue = await loadCatalogue();
  const { models } = await listDownloaded(catalogue, folder);
  const wanted = name.toLowerCase();
  const listed = models.find(({ id, aliases }) => [id, ...aliases].some((each) => each.toLowerCase() === wanted));
  if (listed !== undefined) return listed;
  const reference = resolveModel(name, catalogue, { cwd });
  const found = await findModel(reference, folder);
  if (found !== undefined) return found;
  throw new UnknownModelError(
    name,
    `${reference.id} is not in ${folder}. \`${shellCommand(`pull ${name}`)}\` downloads it.`,
    models.map(({ id }) => id),
  );
}

/** The ids that a gateway at the settings' address serves; none where none responds, or where it doesn't say. */
async function listServed(flags: Flags, context: CliContext): Promise<readonly string[]> {
  try {
    const client = reachRunning(flags, context, AbortSignal.timeout(PROBE_MS));
    const list = z.object({ data: z.array(z.object({ id: z.string() })) }).parse(await client.get("/v1/models"));
    return list.data.map(({ id }) => id);
  } catch (error) {
    if (error instanceof CommandError) return [];
    throw new CommandError(`It can't be told whether a gateway serves it: ${describeError(error)}. Add --force.`);
  }
}

function toJson({ id, aliases, path, sizeBytes, gguf }: LocalModel): object {
  return { id, aliases, path, files: splitPaths(path), ...{ ...gguf, sizeBytes } };
}

/** Such as 134.5 M. */
function formatCount(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(1)} B`;
  return count >= 1e6 ? `${(count / 1e6).toFixed(1)} M` : String(count);
}
