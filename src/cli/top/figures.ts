import { formatDuration } from "../units.ts";

/** What stands where nothing was measured. */
export const NOTHING = "–";

/** `12 ms`, `1.2 s`, `2 min 5 s`. */
export function formatMs(ms: number | null | undefined): string {
  if (ms == null) return NOTHING;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  return ms < 9_950 ? `${(ms / 1_000).toFixed(1)} s` : formatDuration(ms);
}

/** `6.9`, `34`. */
export function formatRate(rate: number | null | undefined): string {
  if (rate == null) return NOTHING;
  return rate > 0 && rate < 9.95 ? rate.toFixed(1) : String(Math.round(rate));
}

const BARS = "▁▂▃▄▅▆▇█";

/** The last values as bars, the newest at the right; the highest of those shown is a whole one. */
export function sparkline(values: readonly number[], columns: number): string {
  const shown = columns < 1 ? [] : values.slice(-columns);
  const most = Math.max(...shown, 0);
  return shown
    .map((value) =>
      value <= 0 || most === 0 ? BARS[0] : (BARS[Math.ceil((value / most) * BARS.length) - 1] ?? BARS[0]),
    )
    .join("");
}
