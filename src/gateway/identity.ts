import { hash } from "node:crypto";
import { type Stats, statSync } from "node:fs";

/** Everything besides the request that affects an engine's answers. */
export type ModelIdentity = {
  readonly file: {
    /** The file's hash, if known; then no other property of the file matters. */
    readonly sha256?: string;
    readonly path: string;
    readonly sizeBytes: number;
    readonly modifiedMs: number;
  };
  /** The file of the model's adapter; absent without one. */
  readonly adapter?: { readonly path: string; readonly sizeBytes: number; readonly modifiedMs: number };
  /** Undefined if the file has none. */
  readonly chatTemplate: string | undefined;
  /** The size of a slot, in tokens: an answer ends when it is full. */
  readonly contextTokens: number;
  /** The settings that affect rounding, by name. */
  readonly settings: Readonly<Record<string, string | number>>;
  /** Sluice's version: another may render, sample or parse differently. */
  readonly version: string;
};

/** Returns a digest that changes with everything that affects the model's answers. */
export function identityOf({ file, adapter, chatTemplate, contextTokens, settings, version }: ModelIdentity): string {
  const { sha256, path, sizeBytes, modifiedMs } = file;
  const parts = [
    sha256 === undefined ? [path, sizeBytes, modifiedMs] : [sha256],
    chatTemplate === undefined ? null : hash("sha256", chatTemplate, "base64url"),
    contextTokens,
    Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)),
    version,
    ...(adapter === undefined ? [] : [[adapter.path, adapter.sizeBytes, adapter.modifiedMs]]),
  ];
  return hash("sha256", JSON.stringify(parts), "base64url");
}

/** A model's file as it was found. */
type ModelFile = { readonly path: string; readonly sizeBytes: number; readonly sha256?: string };

export type IdentifyOptions = {
  readonly file: ModelFile;
  readonly adapterPath?: string;
  /** The properties of the loaded model: a new object each time its file is read. */
  readonly info: () => { readonly chatTemplate?: string; readonly contextTokens: number } | undefined;
  readonly settings: ModelIdentity["settings"];
  readonly version: string;
};

/**
 * Returns a function for a local model's identity; undefined until it has loaded, or if its file is gone. The identity is determined again
 * only after the model was loaded again, since its file may have changed.
 */
export function identifyFile({
  file,
  adapterPath,
  info: infoOf,
  settings,
  version,
}: IdentifyOptions): () => string | undefined {
  let known: { readonly info: object; readonly identity?: string } | undefined;
  /** The hash belongs to the file with this modification time. */
  let firstMs: number | undefined;

  return () => {
    const info = infoOf();
    if (info === undefined) return undefined;
    if (known?.info === info) return known.identity;
    const modifiedMs = statSync(file.path, { throwIfNoEntry: false })?.mtimeMs;
    firstMs ??= modifiedMs;
    const adapter = adapterPath === undefined ? undefined : statSync(adapterPath, { throwIfNoEntry: false });
    const isThere = modifiedMs !== undefined && (adapterPath === undefined || adapter !== undefined);
    known = { info, ...(isThere && { identity: identify(info, modifiedMs, adapter) }) };
    return known.identity;
  };

  function identify(
    { chatTemplate, contextTokens }: NonNullable<ReturnType<IdentifyOptions["info"]>>,
    modifiedMs: number,
    adapter: Stats | undefined,
  ): string {
    const { path, sizeBytes, sha256 } = file;
    return identityOf({
      file: { path, sizeBytes, modifiedMs, ...(sha256 !== undefined && modifiedMs === firstMs && { sha256 }) },
      ...(adapter && adapterPath !== undefined
        ? { adapter: { path: adapterPath, sizeBytes: adapter.size, modifiedMs: adapter.mtimeMs } }
        : {}),
      ...{ chatTemplate, contextTokens, settings, version },
    });
  }
}
