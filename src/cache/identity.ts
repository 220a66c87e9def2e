import { hash } from "node:crypto";

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
