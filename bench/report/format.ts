import type { Estimate, Spread } from "../statistics.ts";

/** At least three significant digits: `0.0712`, `9.84`, `128`, `12,400`. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1_000) return Math.round(value).toLocaleString("en-US");
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

/** `82.1 (80.4–83.0)`: median and quartiles; the median alone of a single value. */
export function formatSpread({ median, low, high, count }: Spread): string {
  return count < 2 ? formatNumber(median) : `${formatNumber(median)} (${formatNumber(low)}–${formatNumber(high)})`;
}

/** `1.04 [0.99, 1.07]`: the estimate and its interval; the estimate alone of a single round. */
export function formatEstimate({ value, low, high }: Estimate, digits = 2): string {
  if (!Number.isFinite(value)) return "–";
  const show = (number: number) =>
    digits === 2 && Math.abs(number) < 0.1 ? number.toFixed(3) : number.toFixed(digits);
  return Number.isFinite(low) ? `${show(value)} [${show(low)}, ${show(high)}]` : show(value);
}

/** Aligns columns: the first `textColumns` to the left, the others to the right. */
export function formatColumns(rows: readonly (readonly string[])[], textColumns: number): string {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows
    .map((row) =>
      widths
        .map((width, column) => {
          const cell = row[column] ?? "";
          return column < textColumns ? cell.padEnd(width) : cell.padStart(width);
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
