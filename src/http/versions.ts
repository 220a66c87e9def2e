import { z } from "zod";

/** The body of `POST /admin/models/promote` and `/rollback`. */
export const versionRequestSchema = z.strictObject({
  model: z.string().min(1).max(4_096).describe("The id of a local model, or one of its names."),
});

/** One version of a model, as it is told. */
export type ToldVersion = {
  /** `stable` answers; `new` is beside it; `former` can come back; `refused` is named by the settings and not served. */
  readonly role: "stable" | "new" | "former" | "refused";
  /** The name by which it can be asked for; absent if it isn't served. */
  readonly name?: string;
  /** The file's name, without its folder. */
  readonly file?: string;
  /** The file's path in the models folder, or its whole path if it is elsewhere. */
  readonly path?: string;
  /** When the file was changed last, in Unix seconds. */
  readonly modified_at?: number;
  /** What the file doesn't have: without a chat template, chats are written as ChatML. */
  readonly lacks?: readonly "chat_template"[];
  readonly quantization?: string;
  readonly state?: string;
  /** The share of sessions that it gets, from 0 to 1. */
  readonly share?: number;
};

export type ToldModel = { readonly id: string; readonly versions: readonly ToldVersion[] };

/** The versions of local models, for who may look after them. All throw `VersionError`, and wait for a reload in progress. */
export type ModelVersions = {
  readonly list: () => readonly ToldModel[];
  /** Has the new version answer all requests, or tries one again that was rolled back. */
  readonly promote: (name: string) => Promise<ToldModel>;
  /** Goes back to the version before. */
  readonly rollback: (name: string) => Promise<ToldModel>;
};

/** What is asked for can't be done. The message says why, and holds no paths. */
export class VersionError extends Error {
  override readonly name = "VersionError";
  readonly reason: "unknown" | "impossible";

  constructor(reason: VersionError["reason"], message: string) {
    super(message);
    this.reason = reason;
  }
}
