const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
  ["w", 604_800_000],
]);

/** More than a century is a typing error. */
const MAX_DURATION_MS = 100 * 366 * 86_400_000;

const ISO_DATE = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/;

/** Parses `30d`, `12h`, `15m`, `30s`, `500ms` or `2w`; undefined for any other text, zero, or more than a century. */
export function parseDuration(text: string): number | undefined {
  const [, digits = "", unit = ""] = /^(\d{1,15})(ms|s|m|h|d|w)$/.exec(text.trim()) ?? [];
  const ms = Number(digits) * (UNITS_MS.get(unit) ?? Number.NaN);
  return ms > 0 && ms <= MAX_DURATION_MS ? ms : undefined;
}

/** Parses a date (`2027-01-31`, its start in UTC) or a time with its zone, to Unix ms; undefined for any other text. */
export function parseDate(text: string): number | undefined {
  const trimmed = text.trim();
  const ms = ISO_DATE.test(trimmed) ? Date.parse(trimmed) : Number.NaN;
  // `Date.parse` accepts the 31st of a short month as a day of the next.
  const isReal = !Number.isNaN(ms) && isDayOfMonth(trimmed);
  return isReal ? ms : undefined;
}

/** Parses an end, given as a duration from now or a date, to Unix ms; undefined for any other text, or if it is past. */
export function parseEnd(text: string, nowMs: number): number | undefined {
  const durationMs = parseDuration(text);
  const endMs = durationMs === undefined ? parseDate(text) : nowMs + durationMs;
  return endMs !== undefined && endMs > nowMs ? endMs : undefined;
}

function isDayOfMonth(date: string): boolean {
  const [year = 0, month = 0, day = 0] = date.slice(0, 10).split("-").map(Number);
  return day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}
