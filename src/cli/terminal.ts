import { isatty } from "node:tty";

const STANDARD_STREAMS = [0, 1, 2] as const;

/** Notes whether the program runs in a terminal. The returned function says whether it did, and the terminal was closed. */
export function watchTerminal(isTerminal: (fd: number) => boolean = isatty): () => boolean {
  const terminals = STANDARD_STREAMS.filter(isTerminal);
  // A terminal that was closed answers no more questions.
  return () => terminals.length > 0 && !terminals.some(isTerminal);
}
