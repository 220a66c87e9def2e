const MOST = 5;
const ROUND = [1, 2, 5, 10];

/** Round times from 0 to below `endMs`, a few of them. */
export function ticksOf(endMs: number): readonly number[] {
  const rough = Math.max(1, endMs) / MOST;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = magnitude * (ROUND.find((each) => each * magnitude >= rough) ?? 10);
  // The last one would stand beyond the end of its line.
  return Array.from({ length: MOST + 1 }, (_, index) => index * step).filter((at) => at <= 0.92 * endMs);
}
