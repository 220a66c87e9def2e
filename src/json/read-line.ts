import { setImmediate } from "node:timers/promises";
import { excessWords } from "./excess-words.ts";
import { LINE_LIMITS } from "./limits.ts";
import { readJsonBody } from "./parse.ts";

/** After parsing a line with more characters, others have their turn. */
const LONG = 256 * 1024;

/** The value of a line, or what is wrong with it: `excess` says what there is too much of. */
export type LineJson = { readonly value: unknown } | { readonly excess: string } | { readonly isInvalid: true };

const pause = () => setImmediate();

/** Reads the JSON of a line that holds a request, within the limits of requests. Others have their turn while it looks through a long one. */
export async function readLineJson(text: string): Promise<LineJson> {
  try {
    const read = await readJsonBody(text, LINE_LIMITS, () => false, pause);
    if (text.length > LONG) await pause();
    return "excess" in read ? { excess: `Invalid line: ${excessWords(read.excess)}` } : read;
  } catch {
    return { isInvalid: true };
  }
}
