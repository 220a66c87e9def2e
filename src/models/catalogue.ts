import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseDocument } from "yaml";
import type { z } from "zod";
import { readRegularFile } from "../read-file.ts";
import { type Catalogue, type CatalogueEntry, catalogueSchema } from "./catalogue-schema.ts";
import { CatalogueError, messageOf } from "./errors.ts";

/** The package's root is two folders up, both from `src/models` and from `dist/models`. */
const DEFAULT_PATH = fileURLToPath(new URL("../../models/catalogue.yaml", import.meta.url));
const MAX_BYTES = 1024 * 1024;
const MAX_PROBLEMS = 20;

/**
 * Reads the catalogue; without `path` Sluice's own.
 * @throws CatalogueError that names the file, the entry and the field of every problem.
 */
export async function loadCatalogue(path: string = DEFAULT_PATH): Promise<Catalogue> {
  const shownPath = relative(process.cwd(), path) || path;
  return parseCatalogue(await readText(path, shownPath), shownPath);
}

/**
 * Parses a catalogue in YAML; `path` is only for messages.
 * @throws CatalogueError like `loadCatalogue`.
 */
export function parseCatalogue(text: string, path: string): Catalogue {
  const document = parseDocument(text);
  const syntaxError = document.errors[0];
  if (syntaxError !== undefined) throw new CatalogueError(path, `not valid YAML: ${syntaxError.message}`);
  let data: unknown;
  try {
    data = document.toJS();
  } catch (error) {
    throw new CatalogueError(path, `not valid YAML: ${messageOf(error)}`);
  }
  const result = catalogueSchema.safeParse(data);
  if (result.success) return result.data;
  const problems = result.error.issues.slice(0, MAX_PROBLEMS).map((issue) => describeIssue(issue, data));
  throw new CatalogueError(path, problems.join("\n"));
}

/** Finds an entry by its name or alias, ignoring case. */
export function findEntry(catalogue: Catalogue, name: string): CatalogueEntry | undefined {
  const wanted = name.toLowerCase();
  return catalogue.models.find((entry) => entry.name === wanted || entry.aliases.includes(wanted));
}

async function readText(path: string, shownPath: string): Promise<string> {
  try {
    return (await readRegularFile(path, MAX_BYTES)).bytes.toString("utf8");
  } catch (error) {
    throw new CatalogueError(shownPath, `can't be read: ${messageOf(error)}`);
  }
}

/** `models[3] (qwen3-8b), sha256: must be 64 lower-case hex digits`. */
function describeIssue(issue: z.core.$ZodIssue, data: unknown): string {
  const [root, index, ...field] = issue.path;
  if (root !== "models" || typeof index !== "number") {
    const where = issue.path.join(".");
    return where === "" ? issue.message : `${where}: ${issue.message}`;
  }
  const name = nameOf(data, index);
  const entry = name === undefined ? `models[${index}]` : `models[${index}] (${name})`;
  return field.length === 0 ? `${entry}: ${issue.message}` : `${entry}, ${field.join(".")}: ${issue.message}`;
}

function nameOf(data: unknown, index: number): string | undefined {
  if (typeof data !== "object" || data === null || !("models" in data) || !Array.isArray(data.models)) return undefined;
  const entry: unknown = data.models[index];
  if (typeof entry !== "object" || entry === null || !("name" in entry)) return undefined;
  return typeof entry.name === "string" ? entry.name : undefined;
}
