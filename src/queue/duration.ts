/** A time as a client is told it: `70.0 s`, or below a second `250 ms`, since `0.3 s` would say little of so short a deadline. */
export function showDuration(ms: number): string {
  return ms < 1_000 ? `${Math.ceil(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
