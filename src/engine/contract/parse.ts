import { z } from "zod";

/** What came over a channel: a message of the contract, or what is wrong with it. */
export type Parsed<Message> = { readonly message: Message } | { readonly problem: string };

/** The messages that a schema describes, for reading alone. A schema is the only declaration of what a child process sends. */
export type MessageOf<Schema extends z.ZodType> = ReadOnly<z.output<Schema>>;

type ReadOnly<T> = T extends ArrayBufferView
  ? T
  : T extends readonly (infer Item)[]
    ? readonly ReadOnly<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: ReadOnly<T[Key]> }
      : T;

/** Checks what came over a channel. A problem names fields only: a message's text must not reach the log. */
export function parserOf<Schema extends z.ZodType>(schema: Schema): (value: unknown) => Parsed<z.output<Schema>> {
  return (value) => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return { message: parsed.data };
    const fields = parsed.error.issues.map((issue) => `${issue.path.join(".") || "message"}: ${issue.code}`);
    return { problem: fields.slice(0, 5).join(", ") };
  };
}

export const count = z.int().min(0);

/** The model can't be loaded; the worker exits by itself after this. The reason has no full stop at its end. */
export const loadFailed = z.object({ type: z.literal("loadFailed"), reason: z.string() });

/** Twice a second. `decodingForMs` is how long the native call in progress has taken, 0 when there is none. */
export const heartbeat = z.object({ type: z.literal("heartbeat"), decodingForMs: z.number().min(0) });

export const logged = z.object({
  type: z.literal("log"),
  level: z.enum(["debug", "info", "warn", "error"]),
  message: z.string(),
});

/** What every child process says of itself, whatever it works on. */
export type LifeSign<Info> =
  | { readonly type: "loaded"; readonly info: Info }
  | MessageOf<typeof loadFailed>
  | MessageOf<typeof heartbeat>
  | MessageOf<typeof logged>;
