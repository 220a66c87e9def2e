/** How a worker's process ended. */
export type WorkerDeath = {
  /** Null when a signal ended it, or when it never started. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** What is known beyond that: the worker's own words, or why the host killed it. A clause without a full stop. */
  readonly reason: string | undefined;
  /** The last lines that the worker printed. */
  readonly lastLines: readonly string[];
};

/** One clause for logs and errors, such as "the engine's process was ended by SIGABRT". */
export function describeDeath({ exitCode, signal, reason }: WorkerDeath): string {
  const how =
    signal !== null
      ? `the engine's process was ended by ${signal}`
      : exitCode !== null
        ? `the engine's process exited with code ${exitCode}`
        : undefined;
  if (reason === undefined) return how ?? "the engine's process ended";
  // A worker that said why it ends and then ended well has said all.
  return how === undefined || exitCode === 0 ? reason : `${reason} (${how})`;
}
