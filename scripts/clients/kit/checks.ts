import type { Bed } from "./bed.ts";
import type { Finished } from "./process.ts";
import type { Recorded } from "./recorder.ts";

const GENERATIONS = /\/(chat\/completions|completions|responses|messages)$/;

/** The client's requests for text, since the last `forget`. */
export function generations({ recorder }: Bed): readonly Recorded[] {
  return recorder.seen.filter(({ method, path }) => method === "POST" && GENERATIONS.test(path));
}

/** Throws unless the program exited with 0. */
export function assertSuccess({ code, stdout, stderr, timedOut }: Finished): void {
  if (timedOut) throw new Error(`it wasn't done in time: ${tail(stderr || stdout)}`);
  if (code !== 0) throw new Error(`it ended with ${code}: ${tail(stderr || stdout)}`);
}

/** Throws unless the program ended by itself. */
export function assertEnds({ stdout, stderr, timedOut }: Finished): void {
  if (timedOut) throw new Error(`it wasn't done in time: ${tail(stderr || stdout)}`);
}

/** Throws unless the client's output contains the expected text. */
export function assertSays({ stdout, stderr }: Finished, pattern: RegExp): void {
  if (!pattern.test(stdout + stderr)) throw new Error(`it doesn't say ${pattern}: ${tail(stdout + stderr)}`);
}

/** Throws unless every request for text was answered with 200; returns them. */
export function assertAnswered(bed: Bed): readonly Recorded[] {
  const asked = generations(bed);
  if (asked.length === 0) throw new Error(`it asked for no text, but for ${describe(bed.recorder.seen)}`);
  const refused = asked.find(({ status }) => status !== 200);
  if (refused) throw new Error(`${refused.path} was answered with ${refused.status}: ${tail(refused.answer)}`);
  return asked;
}

/** How many times a client sent a refused request; throws if it never stops. */
export function assertFewTries(bed: Bed, status: number, most = 12): number {
  const refused = bed.recorder.seen.filter((each) => each.status === status);
  if (refused.length === 0) throw new Error(`nothing was answered with ${status}, but ${describe(bed.recorder.seen)}`);
  if (refused.length > most) throw new Error(`it tried ${refused.length} times`);
  return refused.length;
}

/** The text of an answer, of whichever protocol, that a stream brought in pieces. */
export function streamedText({ answer }: Recorded): string {
  let text = "";
  for (const line of answer.split("\n")) {
    if (!line.startsWith("data: {")) continue;
    const event = JSON.parse(line.slice("data: ".length)) as {
      readonly type?: string;
      readonly choices?: readonly { readonly delta?: { readonly content?: string | null } }[];
      readonly delta?: string | { readonly text?: string };
    };
    text += event.choices?.map(({ delta }) => delta?.content ?? "").join("") ?? "";
    if (typeof event.delta === "string" && event.type === "response.output_text.delta") text += event.delta;
    if (typeof event.delta === "object") text += event.delta.text ?? "";
  }
  return text;
}

/** What a client asked for, such as `POST /v1/responses 400 × 2`. */
export function describe(seen: readonly Recorded[]): string {
  const counts = new Map<string, number>();
  for (const { method, path, status } of seen) {
    const key = `${method} ${path} ${status ?? "no answer"}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([key, count]) => `${key} × ${count}`).join(", ") || "nothing";
}

function tail(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim().slice(-400);
}
