import { hash } from "node:crypto";
import { statSync } from "node:fs";

/** What an engine's answers depend on besides the request. */
export type ModelIdentity = {
  readonly file: {
    /** The file's hash, where it is known; then nothing else of the file counts. */
    readonly sha256?: string;
    readonly path: string;
    readonly sizeBytes: number;
    readonly modifiedMs: number;
  };
  /** Undefined where the file brings none. */
  readonly chatTemplate: string | undefined;
  /** Tokens of a slot: an answer ends where it is full. */
  readonly contextTokens: number;
  /** The settings that change how numbers are rounded, by name. */
  readonly settings: Readonly<Record<string, string | number>>;
  /** The program's: another may render, sample or parse differently. */
  readonly version: string;
};

/** A digest that changes with the model's file, its template, and everything else that changes its answers. */
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

/** A model's file, as it was when it was found. */
type ModelFile = { readonly path: string; readonly sizeBytes: number; readonly sha256?: string };

export type IdentifyOptions = {
  readonly file: ModelFile;
  /** The properties of the loaded model: a new object each time its file is read. */
  readonly info: () => { readonly chatTemplate?: string; readonly contextTokens: number } | undefined;
  readonly settings: ModelIdentity["settings"];
  readonly version: string;
};

/**
 * Tells a local model's identity; undefined until it has loaded, and where its file is gone. It is looked up anew only when the model has
 * been loaded anew: its file may be another then.
 */
export function identifyFile({ file, info: infoOf, settings, version }: IdentifyOptions): () => string | undefined {
  let known: { readonly info: object; readonly identity?: string } | undefined;
  /** The hash is that of the file which was there at first. */
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
