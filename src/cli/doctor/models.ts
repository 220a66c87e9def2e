import { resolve } from "node:path";
import {
  findAdapters,
  findModel,
  hashFile,
  type LocalModel,
  loadCatalogue,
  type ModelReference,
  resolveModel,
} from "../../models/index.ts";
import { shellCommand } from "../../version.ts";
import { describeError } from "../errors.ts";
import { formatBytes } from "../units.ts";
import { type Check, good, problem, warning } from "./check.ts";

/** One configured model. */
export type ModelFinding =
  | {
      readonly state: "here";
      readonly model: LocalModel;
      /** Whether the file has the catalogue's hash; `unread` if it wasn't checked, `unknown` if there is none. */
      readonly hash: "same" | "different" | "unread" | "unknown";
    }
  | { readonly state: "absent"; readonly id: string; readonly sizeBytes: number | undefined }
  | { readonly state: "unusable"; readonly name: string; readonly reason: string };

export type FindModelsOptions = {
  readonly modelsDir: string;
  readonly cwd: string;
  /** Whether to read whole files to compare their hashes. */
  readonly verify: boolean;
};

/** Finds every model, once if it has several names. Downloads nothing. Throws a CatalogueError. */
export async function findModels(
  names: readonly string[],
  { modelsDir, cwd, verify }: FindModelsOptions,
): Promise<readonly ModelFinding[]> {
  const catalogue = await loadCatalogue();
  const findings: ModelFinding[] = [];
  const seen = new Set<string>();
  for (const name of new Set(names)) {
    try {
      const reference = resolveModel(name, catalogue, { cwd });
      if (seen.has(reference.id)) continue;
      seen.add(reference.id);
      const model = await findModel(reference, resolve(cwd, modelsDir));
      findings.push(
        model === undefined
          ? { state: "absent", id: reference.id, sizeBytes: sizeOf(reference) }
          : { state: "here", model, hash: await compareHash(reference, model, verify) },
      );
    } catch (error) {
      findings.push({ state: "unusable", name, reason: describeError(error) });
    }
  }
  return findings;
}

function sizeOf(reference: ModelReference): number | undefined {
  return reference.type === "remote" ? reference.sizeBytes : undefined;
}

async function compareHash(reference: ModelReference, { path, gguf }: LocalModel, verify: boolean) {
  const expected = reference.type === "remote" && gguf.split === undefined ? reference.sha256 : undefined;
  if (expected === undefined) return "unknown";
  if (!verify) return "unread";
  return (await hashFile(path, new AbortController().signal, () => {})) === expected ? "same" : "different";
}

/** Finds the adapters of the models that are there; those of a model that must be downloaded first are not looked at. */
export async function checkAdapters(
  adapters: readonly string[],
  findings: readonly ModelFinding[],
  cwd: string,
): Promise<readonly Check[]> {
  const models = findings.flatMap((finding) => (finding.state === "here" ? [finding.model] : []));
  if (models.length < findings.length) return [];
  return Promise.all(
    adapters.map(async (entry) => {
      try {
        const [found] = await findAdapters([entry], models, cwd);
        return good("adapter", `${found?.id}, ${formatBytes(found?.adapter?.sizeBytes ?? 0)}: header checked`);
      } catch (error) {
        return problem("adapter", describeError(error), "Fix that, or remove it from --adapters.");
      }
    }),
  );
}

export function checkModels(findings: readonly ModelFinding[]): readonly Check[] {
  return findings.map(checkModel);
}

function checkModel(finding: ModelFinding): Check {
  switch (finding.state) {
    case "here":
      return checkFound(finding);
    case "absent": {
      const size = finding.sizeBytes === undefined ? "" : ` (${formatBytes(finding.sizeBytes)})`;
      const advice = `The next start downloads it${size}, or \`${shellCommand(`pull ${finding.id}`)}\` now.`;
      return warning("model", `${finding.id} is not downloaded yet`, advice);
    }
    case "unusable":
      return problem("model", `${finding.name}: ${finding.reason}`, "Fix that, or choose another model with --model.");
  }
}

function checkFound({ model, hash }: Extract<ModelFinding, { state: "here" }>): Check {
  const { id, path, sizeBytes, gguf } = model;
  const facts = [id, gguf.architecture, gguf.quantization, formatBytes(sizeBytes)].filter((fact) => fact !== undefined);
  const checked = {
    same: "header, size and SHA-256 checked",
    unread: "header and size checked",
    unknown: "header checked",
  };
  if (hash === "different") {
    return problem(
      "model",
      `${id}: the SHA-256 of ${path} is not the catalogue's`,
      "Remove the file, so that the next start fetches it again.",
    );
  }
  return good("model", `${facts.join(", ")}: ${checked[hash]}`);
}
