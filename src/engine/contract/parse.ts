import { z } from "zod";

/** A valid message of the contract, or what is wrong with it. */
export type Parsed<Message> = { readonly message: Message } | { readonly problem: string };

/** The read-only type of a schema's messages. The schema is the only declaration of what a child process sends. */
export type MessageOf<Schema extends z.ZodType> = ReadOnly<z.output<Schema>>;

type ReadOnly<T> = T extends ArrayBufferView
  ? T
  : T extends readonly (infer Item)[]
    ? readonly ReadOnly<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: ReadOnly<T[Key]> }
      : T;

/** Returns a function that checks messages of a channel. A problem names only fields, because a message's text must not be logged. */
export function parserOf<Schema extends z.ZodType>(schema: Schema): (value: unknown) => Parsed<z.output<Schema>> {
  return (value) => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return { message: parsed.data };
    const fields = parsed.error.issues.map((issue) => `${issue.path.join(".") || "message"}: ${issue.code}`);
    return { problem: fields.slice(0, 5).join(", ") };
  };
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export const count = z.int().min(0);

/** The model can't be loaded; the worker exits afterwards. The reason doesn't end with a full stop. */
export const loadFailed = z.object({ type: z.literal("loadFailed"), reason: z.string() });

/**
 * Sent twice a second. `decodingForMs` is how long the native call in progress has taken; 0 if there is none. `memoryBytes` is the resident
 * memory of the process, which comes with the first and with every fourth.
 */
export const heartbeat = z.object({
  type: z.literal("heartbeat"),
  decodingForMs: z.number().min(0),
  memoryBytes: z.number().min(0).exactOptional(),
});

export const logged = z.object({
  type: z.literal("log"),
  level: z.enum(["debug", "info", "warn", "error"]),
  message: z.string(),
});

/** The messages that all child processes have in common. */
export type LifeSign<Info> =
  | { readonly type: "loaded"; readonly info: Info }
  | MessageOf<typeof loadFailed>
  | MessageOf<typeof heartbeat>
  | MessageOf<typeof logged>;
