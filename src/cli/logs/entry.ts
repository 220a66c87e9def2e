import { z } from "zod";

const word = z.string().optional().catch(undefined);
const number = z.number().optional().catch(undefined);

const line = z.looseObject({
  level: word,
  time: word,
  msg: word,
  ...{ requestId: word, clientRequestId: word, method: word, path: word, status: number, ms: number },
  ...{ keyId: word, keyName: word, model: word, route: word, preset: word, cache: word, queueMs: number, error: word },
  tokens: z.looseObject({ prompt: number, cached: number, completion: number }).optional().catch(undefined),
  clientGone: z.boolean().optional().catch(undefined),
});

/** A line of the log: what it says, and what it is as text. `said` is undefined for lines of other programs. */
export type Entry = { readonly text: string; readonly said: z.infer<typeof line> | undefined };

/** Reads one line of the log. Never throws: what is no line of Sluice's is text. */
export function readEntry(text: string): Entry {
  if (!text.trimStart().startsWith("{")) return { text, said: undefined };
  try {
    const { success, data } = line.safeParse(JSON.parse(text));
    return { text, said: success && data.time !== undefined ? data : undefined };
  } catch {
    return { text, said: undefined };
  }
}

/** Whether a line tells of an answered request. */
export function isRequest({ said }: Entry): boolean {
  return said?.msg === "request" && said.status !== undefined;
}
