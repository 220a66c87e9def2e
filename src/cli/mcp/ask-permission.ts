import type { Output } from "../context.ts";
import { dropTyped, hearKeys, type Keys } from "../heard-keys.ts";
import type { Paint } from "../style.ts";
import type { Permission, Question } from "./tool-calls.ts";

const ANSWERS: Readonly<Record<string, Permission>> = { y: "once", a: "always", n: "no", "\r": "no", "\n": "no" };
const WORDS = { once: "yes", always: "always", no: "no" } as const;

/** Who has typed nothing for so long, in ms, is not in the middle of something else. */
const SILENCE_MS = 500;

type Asking = { readonly keys: Keys; readonly stdout: Output; readonly paint: Paint; readonly signal: AbortSignal };

/**
 * Asks on a terminal whose keys come as they are pressed whether a tool may be called. A key counts only after a silence, in which the question is
 * shown, and if it comes alone: several at once are a paste. `always` needs Enter too. Rejects with the reason of `signal`.
 */
export async function askPermission({ name, shownArguments }: Question, asking: Asking): Promise<Permission> {
  const { stdout, paint, signal } = asking;
  signal.throwIfAborted();
  stdout.write(`${paint("yellow", "The model wants to call")} ${paint("bold", name)} ${shownArguments}\n`);
  try {
    const answer = await readAnswer(asking);
    stdout.write(`${WORDS[answer]}\n`);
    return answer;
  } catch (error) {
    stdout.write("\n");
    throw error;
  }
}

async function readAnswer({ keys, stdout, paint, signal }: Asking): Promise<Permission> {
  let question = paint("yellow", "Call it? y: yes, n: no, a: always in this chat ");
  for (;;) {
    if ((await dropTyped(keys, signal, SILENCE_MS)) === "ended") return "no";
    stdout.write(question);
    const heard = await hearKeys(keys, signal);
    if (typeof heard === "string") return "no";
    const answer = ANSWERS[heard.pressed.toLowerCase()];
    if (answer === "always") {
      stdout.write("always? Enter: yes ");
      const next = await hearKeys(keys, signal);
      if (typeof next === "string") return "no";
      if (next.pressed === "\r" || next.pressed === "\n") return "always";
    } else if (answer !== undefined) return answer;
    question = "(y, n or a) ";
  }
}
