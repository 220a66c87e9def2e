import type { Output } from "../context.ts";
import type { Paint } from "../style.ts";
import type { Permission, Question } from "./tool-calls.ts";

/** Keys as they are pressed. */
type Keys = Pick<NodeJS.ReadableStream, "on" | "off">;

const ANSWERS: Readonly<Record<string, Permission>> = { y: "once", a: "always", n: "no", "\r": "no", "\n": "no" };
const WORDS = { once: "yes", always: "always", no: "no" } as const;

/**
 * Asks on a terminal whose keys come as they are pressed whether a tool may be called. Several keys at once are a paste and no answer. Rejects with the
 * reason of `signal`.
 */
export async function askPermission(
  { name, shownArguments }: Question,
  {
    keys,
    stdout,
    paint,
    signal,
  }: { readonly keys: Keys; readonly stdout: Output; readonly paint: Paint; readonly signal: AbortSignal },
): Promise<Permission> {
  signal.throwIfAborted();
  stdout.write(`${paint("yellow", "The model wants to call")} ${paint("bold", name)} ${shownArguments}\n`);
  stdout.write(paint("yellow", "Call it? y: yes, n: no, a: always in this chat "));
  const answered = Promise.withResolvers<Permission>();
  const onKeys = (pressed: Buffer | string) => {
    const answer = ANSWERS[String(pressed).toLowerCase()];
    if (answer === undefined) stdout.write("(y, n or a) ");
    else answered.resolve(answer);
  };
  const onEnd = () => answered.resolve("no");
  const onAbort = () => answered.reject(signal.reason);
  keys.on("data", onKeys);
  keys.on("end", onEnd);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const answer = await answered.promise;
    stdout.write(`${WORDS[answer]}\n`);
    return answer;
  } catch (error) {
    stdout.write("\n");
    throw error;
  } finally {
    keys.off("data", onKeys);
    keys.off("end", onEnd);
    signal.removeEventListener("abort", onAbort);
  }
}
