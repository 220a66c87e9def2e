/** The only entry to this room: the known models, their sources, and the checks of files. */
export { adapterNames, findAdapters } from "./adapters.ts";
export { writesText } from "./architectures.ts";
export { loadCatalogue } from "./catalogue.ts";
export { freeDiskBytes } from "./disk.ts";
export { listDownloaded } from "./downloaded.ts";
export { ensureModel, findModel, type LocalModel } from "./ensure.ts";
export { GgufError, UnknownModelError } from "./errors.ts";
export { readChatTemplate } from "./gguf/chat-template.ts";
export { splitPaths } from "./gguf/split-name.ts";
export { hashFile } from "./hash.ts";
export { removeModel } from "./installed.ts";
export { type ListedModel, listModels } from "./list.ts";
export { estimateModelMemory } from "./memory.ts";
export type { Progress } from "./progress.ts";
export type { ModelReference } from "./reference.ts";
export { resolveModel } from "./resolve.ts";
