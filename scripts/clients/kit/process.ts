import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** How a program ended. */
export type Finished = {
  /** Null if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether it was ended by the time limit. */
  readonly timedOut: boolean;
};

export type RunOptions = {
  readonly cwd: string;
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** The standard input, which is closed in any case. */
  readonly input?: string;
  /** Interrupts the program, as Ctrl+C does, when it resolves. */
  readonly interruptAfter?: Promise<unknown>;
};

const MOST_OUTPUT_CHARS = 2 ** 22;
const GRACE_MS = 10_000;

/** Runs a program to its end, or ends it, with all that it started. Never rejects because of how it ended. */
export async function runProgram(
  command: string,
  args: readonly string[],
  { cwd, env, timeoutMs, input = "", interruptAfter }: RunOptions,
): Promise<Finished> {
  // A separate process group, so that its children can be ended with it.
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ["pipe", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      if (output[name].length < MOST_OUTPUT_CHARS) output[name] += text;
    });
  }
  child.stdin.on("error", () => {});
  child.stdin.end(input);

  const signalGroup = (signal: NodeJS.Signals) => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      // All of them have gone.
    }
  };
  let timedOut = false;
  const limit = setTimeout(() => {
    timedOut = true;
    signalGroup("SIGKILL");
  }, timeoutMs);
  let grace: NodeJS.Timeout | undefined;
  void interruptAfter?.then(() => {
    signalGroup("SIGINT");
    grace = setTimeout(() => signalGroup("SIGKILL"), GRACE_MS);
  });
  const onExit = () => signalGroup("SIGKILL");
  process.once("exit", onExit);
  try {
    const [code] = (await once(child, "close")) as [number | null];
    return { code, ...output, timedOut };
  } finally {
    clearTimeout(limit);
    clearTimeout(grace);
    process.off("exit", onExit);
    signalGroup("SIGKILL");
  }
}

/** The URL that a gateway says it listens on, in what it writes to its standard output. */
export async function announcedUrl(stdout: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface(stdout)) {
    const url = /listens on (http:\S+)/.exec(line)?.[1];
    if (url !== undefined) {
      stdout.resume();
      return url;
    }
  }
  throw new Error("the gateway ended before it listened; run `npm start` to see why");
}
