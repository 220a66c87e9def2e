import { hash } from "node:crypto";
import { statSync } from "node:fs";

/** Everything besides the request that affects an engine's answers. */
export type ModelIdentity = {
  readonly file: {
    /** The file's hash, if known; then no other property of the file matters. */
    readonly sha256?: string;
    readonly path: string;
    readonly sizeBytes: number;
    readonly modifiedMs: number;
  };
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
export function identityOf({ file, chatTemplate, contextTokens, settings, version }: ModelIdentity): string {
  const { sha256, path, sizeBytes, modifiedMs } = file;
  const parts = [
    sha256 === undefined ? [path, sizeBytes, modifiedMs] : [sha256],
    chatTemplate === undefined ? null : hash("sha256", chatTemplate, "base64url"),
    contextTokens,
    Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)),
    version,
  ];
  return hash("sha256", JSON.stringify(parts), "base64url");
}

/** A model's file as it was found. */
type ModelFile = { readonly path: string; readonly sizeBytes: number; readonly sha256?: string };

export type IdentifyOptions = {
  readonly file: ModelFile;
  /** The properties of the loaded model: a new object each time its file is read. */
  readonly info: () => { readonly chatTemplate?: string; readonly contextTokens: number } | undefined;
  readonly settings: ModelIdentity["settings"];
  readonly version: string;
};

/**
 * Returns a function for a local model's identity; undefined until it has loaded, or if its file is gone. The identity is determined again
 * only after the model was loaded again, since its file may have changed.
 */
export function identifyFile({ file, info: infoOf, settings, version }: IdentifyOptions): () => string | undefined {
  let known: { readonly info: object; readonly identity?: string } | undefined;
  /** The hash belongs to the file with this modification time. */
  let firstMs: number | undefined;

  return () => {
    const info = infoOf();
    if (info === undefined) return undefined;
    if (known?.info === info) return known.identity;
    const modifiedMs = statSync(file.path, { throwIfNoEntry: false })?.mtimeMs;
    firstMs ??= modifiedMs;
    known = { info, ...(modifiedMs !== undefined && { identity: identify(info, modifiedMs) }) };
    return known.identity;
  };

  function identify(
    { chatTemplate, contextTokens }: NonNullable<ReturnType<IdentifyOptions["info"]>>,
    modifiedMs: number,
  ): string {
    const { path, sizeBytes, sha256 } = file;
    return identityOf({
      file: { path, sizeBytes, modifiedMs, ...(sha256 !== undefined && modifiedMs === firstMs && { sha256 }) },
      ...{ chatTemplate, contextTokens, settings, version },
    });
  }
}
