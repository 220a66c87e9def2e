const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const two = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** What stands where nothing was measured. */
export const NOTHING = "–";

/** `1,234`, `12.3` or `0.45`: about three digits. */
export function formatNumber(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return NOTHING;
  if (Number.isInteger(value) || Math.abs(value) >= 100) return whole.format(value);
  return Math.abs(value) >= 10 ? one.format(value) : two.format(value);
}

/** Something by the second: `6.9`, `34`. */
export function formatRate(rate: number | undefined): string {
  if (rate === undefined || !Number.isFinite(rate)) return NOTHING;
  return rate > 0 && rate < 9.95 ? one.format(rate) : whole.format(rate);
}

/** `12 ms`, `1.24 s`, `2 min 5 s`, `1 h 12 min`. */
export function formatMs(ms: number | undefined): string {
  if (ms === undefined || !Number.isFinite(ms)) return NOTHING;
  // Each bound is where the next form begins to be shorter once it is rounded.
  if (ms < 10) return `${one.format(ms)} ms`;
  if (ms < 999.5) return `${whole.format(ms)} ms`;
  if (ms < 9_995) return `${two.format(ms / 1_000)} s`;
  if (ms < 59_950) return `${one.format(ms / 1_000)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.round(minutes / 60 / 24)} days`;
}

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** `512 B`, `1.4 GiB`. */
export function formatBytes(bytes: number | undefined): string {
  if (bytes === undefined || !Number.isFinite(bytes)) return NOTHING;
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1_000 && unit < BYTE_UNITS.length - 1) {
    value /= 1_024;
    unit += 1;
  }
  const written = unit === 0 || Math.abs(value) >= 100 ? whole.format(value) : one.format(value);
  return `${written} ${BYTE_UNITS[unit]}`;
}

/** A share of 0 to 1 as `87 %`. */
export function formatShare(share: number | undefined): string {
  return share === undefined || !Number.isFinite(share) ? NOTHING : `${whole.format(share * 100)} %`;
}

/** `14:03:27`, in the reader's time zone. */
export function formatTime(unixMs: number): string {
  return new Date(unixMs).toLocaleTimeString("en-GB");
}

/** `2026-11-29 14:03`, in the reader's time zone. @public */
export function formatDate(unixMs: number): string {
  const date = new Date(unixMs);
  const pad = (part: number) => String(part).padStart(2, "0");
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

/** `1 request`, `3 requests`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${formatNumber(number)} ${number === 1 ? one : many}`;
}
