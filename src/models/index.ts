/** The models room's one way in: which models are known, where they come from, and whether a file can be loaded. */
export { isSupportedArchitecture, KNOWN_ARCHITECTURES, writesText } from "./architectures.ts";
export { loadCatalogue } from "./catalogue.ts";
export type { Catalogue, CatalogueEntry } from "./catalogue-schema.ts";
export { freeDiskBytes } from "./disk.ts";
export { type EnsureOptions, ensureModel, findModel, type LocalModel } from "./ensure.ts";
export {
  CatalogueError,
  GgufError,
  type GgufErrorCode,
  ModelFileError,
  ModelUnavailableError,
  type SourceAttempt,
  UnknownModelError,
} from "./errors.ts";
export { checkGguf, type GgufSummary } from "./gguf/check.ts";
export { hashFile } from "./hash.ts";
export { type ListedModel, listModels } from "./list.ts";
export type { Progress } from "./progress.ts";
export type { LocalReference, ModelReference, RemoteReference } from "./reference.ts";
export { type ResolveOptions, resolveModel } from "./resolve.ts";
