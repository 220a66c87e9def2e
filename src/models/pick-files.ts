import { posix } from "node:path";
import { parseSplitName, splitName } from "./gguf/split-name.ts";
import type { HubSource } from "./reference.ts";

/** A file of a repository. */
export type HubFile = { readonly path: string; readonly sizeBytes: number; readonly sha256?: string };

/** A model in a repository: a file, or all parts of a split one in order. `name` is its path without part number and `.gguf`. */
type Candidate = { readonly name: string; readonly isSplit: boolean; readonly files: readonly HubFile[] };

const MAX_LISTED = 20;

/**
 * Finds the files of a model in a repository: one, or all parts of a split model in order. Pure.
 * @returns the files, or a message that lists the existing ones.
 */
export function pickHubFiles(files: readonly HubFile[], wanted: HubSource["file"]): readonly HubFile[] | string {
  const candidates = groupModels(files);
  const listed = listNames(candidates);
  if (candidates.length === 0) return "the repository has no .gguf file that is a model";
  if (wanted.type === "path") {
    const match = candidates.find((candidate) => candidate.files.some((file) => file.path === wanted.path));
    if (match === undefined) return `there is no file ${wanted.path}; available: ${listed}`;
    return completeFiles(match);
  }
  const { quantization } = wanted;
  const matches = narrow(candidates, quantization);
  const [match] = matches;
  if (match === undefined) return `no file is quantized as ${quantization}; available: ${listed}`;
  if (matches.length > 1) {
    return `several files are quantized as ${quantization}: ${listNames(matches)}; name one as hf:owner/repo/file.gguf`;
  }
  return completeFiles(match);
}

/** The models of a repository: each one's path without part number and `.gguf`, its size, and whether all its parts are there. */
export function listCandidates(
  files: readonly HubFile[],
): readonly { readonly name: string; readonly sizeBytes: number; readonly isComplete: boolean }[] {
  return groupModels(files).map((candidate) => ({
    name: candidate.name,
    sizeBytes: candidate.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    isComplete: typeof completeFiles(candidate) !== "string",
  }));
}

/** Projectors of image models and calibration data are GGUF files too, but not models. */
function isModelFile(path: string): boolean {
  return /\.gguf$/i.test(path) && !/(^|[-._])(mmproj|imatrix)([-._]|$)/i.test(posix.basename(path));
}

function groupModels(files: readonly HubFile[]): readonly Candidate[] {
  const groups = new Map<string, HubFile[]>();
  for (const file of files.filter(({ path }) => isModelFile(path))) {
    const split = parseSplitName(file.path);
    const key =
      split === undefined ? file.path : posix.join(posix.dirname(file.path), splitName(split.prefix, 1, split.count));
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  return [...groups].map(([key, group]) => {
    const split = parseSplitName(key);
    const prefix = split?.prefix ?? posix.basename(key).replace(/\.gguf$/i, "");
    return {
      name: posix.join(posix.dirname(key), prefix),
      isSplit: split !== undefined,
      files: group.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    };
  });
}

/**
 * Returns the models with this quantization, by their files' names. Prefers a name that ends with it (`x-Q4_0` rather than
 * `x-Q4_0-lm_head-f16`), then one that is not a variant (`UD-`), then a whole file rather than parts.
 */
function narrow(candidates: readonly Candidate[], quantization: string): readonly Candidate[] {
  const escaped = quantization.replace(/[.]/g, "\\.");
  const within = new RegExp(`(^|[-./_])${escaped}($|[-./])`, "i");
  const atEnd = new RegExp(`(^|[-./_])${escaped}$`, "i");
  const variant = /(^|[-./])UD-/i;
  const steps: ((candidate: Candidate) => boolean)[] = [
    ({ name }) => within.test(name),
    ({ name }) => atEnd.test(name),
    ({ name }) => !variant.test(name),
    ({ isSplit }) => !isSplit,
  ];
  const [first = () => true, ...preferences] = steps;
  let matches = candidates.filter(first);
  for (const preference of preferences) {
    const preferred = matches.filter(preference);
    if (preferred.length > 0) matches = preferred;
  }
  return matches;
}

function completeFiles({ files }: Candidate): readonly HubFile[] | string {
  const first = files[0];
  const split = first === undefined ? undefined : parseSplitName(first.path);
  if (first === undefined || split === undefined || files.length === split.count) return files;
  return `${first.path} is one of ${split.count} parts, and the repository has only ${files.length} of them`;
}

function listNames(candidates: readonly Candidate[]): string {
  const names = candidates.map(({ name, files, isSplit }) => (isSplit ? `${name} (${files.length} parts)` : name));
  const more = names.length > MAX_LISTED ? ` and ${names.length - MAX_LISTED} more` : "";
  return names.slice(0, MAX_LISTED).join(", ") + more;
}
