import type { PythonPackage } from "./catalogue-schema.ts";

/** A repository on a hub, and the model's file in it. */
export type HubSource = {
  readonly type: "hub";
  /** As it was written, such as `hf:owner/repo:Q4_K_M`. */
  readonly uri: string;
  /** `owner/repo`. */
  readonly repo: string;
  readonly file:
    | { readonly type: "quantization"; readonly quantization: string }
    | { readonly type: "path"; readonly path: string };
  /** Set if no quantization was named: the usual one stands for the one that will be chosen. */
  readonly isOpen?: true;
};

export type UrlSource = { readonly type: "url"; readonly url: URL };

/** A file in Python wheels, one piece in each, in order. */
export type PythonSource = { readonly type: "python-packages"; readonly packages: readonly PythonPackage[] };

export type ModelSource = HubSource | UrlSource | PythonSource;

/** The user's own file: checked, never downloaded. */
type LocalReference = {
  readonly type: "local";
  /** The model's id in the API. */
  readonly id: string;
  readonly aliases: readonly string[];
  /** Absolute. */
  readonly path: string;
};

/** A model in the models folder, downloaded from the first source that has it. */
export type RemoteReference = {
  readonly type: "remote";
  /** The model's id in the API. */
  readonly id: string;
  readonly aliases: readonly string[];
  /**
   * Its file's name in the models folder, without `.gguf`: letters, digits, dots, hyphens and underscores, so it can't leave the folder.
   * Each part of a split model adds `-00001-of-0000N`.
   */
  readonly stem: string;
  /** Tried in this order. */
  readonly sources: readonly ModelSource[];
  /** Known for models of the catalogue. */
  readonly sizeBytes?: number;
  readonly sha256?: string;
};

/** The model that a name, URI or path refers to. */
export type ModelReference = LocalReference | RemoteReference;
