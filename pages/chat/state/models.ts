import * as z from "zod/mini";

/** A model or preset that answers chats. */
export type ChatModel = {
  readonly id: string;
  readonly isPreset: boolean;
  readonly description: string;
  readonly variables: readonly Variable[];
};

/** A variable of a preset. */
type Variable = {
  readonly name: string;
  readonly description: string;
  /** What it may be; empty if it isn't one of a few. */
  readonly values: readonly string[];
  /** Undefined if it has to be given. */
  readonly usual: string | undefined;
};

const variable = z.object({
  type: z.optional(z.string()),
  description: z.optional(z.string()),
  values: z.optional(z.array(z.unknown())),
  default: z.optional(z.unknown()),
});

const listSchema = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      capabilities: z.optional(z.array(z.string())),
      description: z.optional(z.string()),
      preset: z.optional(z.object({ variables: z.optional(z.record(z.string(), variable)) })),
    }),
  ),
});

/** Reads the answer of `GET /v1/models`: those that can chat, in its order. Throws an error for anything else. */
export function readModels(json: unknown): readonly ChatModel[] {
  const list = listSchema.safeParse(json);
  if (!list.success)
    throw new Error("The gateway's list of models can't be read. Is its version another than this page's?");
  return list.data.data
    .filter(({ capabilities }) => capabilities === undefined || capabilities.includes("chat"))
    .map(({ id, description, preset }) => ({
      id,
      isPreset: preset !== undefined,
      description: description ?? "",
      variables: Object.entries(preset?.variables ?? {}).map(([name, each]) => ({
        name,
        description: each.description ?? "",
        values: each.type === "boolean" ? ["true", "false"] : (each.values ?? []).map(String),
        usual: each.default === undefined ? undefined : String(each.default),
      })),
    }));
}
