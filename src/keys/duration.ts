const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
  ["w", 604_800_000],
]);

/** Beyond a century a duration is a slip of the finger. */
const MAX_DURATION_MS = 100 * 366 * 86_400_000;

/** The last moment that a `Date` can tell is far beyond it. */
const ISO_DATE = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/;

/** `30d`, `12h`, `15m`, `30s`, `500ms` or `2w` in ms; undefined for any other text, nothing and more than a century. */
export function parseDuration(text: string): number | undefined {
  const [, digits = "", unit = ""] = /^(\d{1,15})(ms|s|m|h|d|w)$/.exec(text.trim()) ?? [];
  const ms = Number(digits) * (UNITS_MS.get(unit) ?? Number.NaN);
  return ms > 0 && ms <= MAX_DURATION_MS ? ms : undefined;
}

/** A date (`2027-01-31`, its beginning in UTC) or a moment with its zone, in Unix ms; undefined for any other text. */
export function parseDate(text: string): number | undefined {
  const trimmed = text.trim();
  const ms = ISO_DATE.test(trimmed) ? Date.parse(trimmed) : Number.NaN;
  // `Date.parse` takes the 31st of a short month for the first days of the next.
  const isReal = !Number.isNaN(ms) && isDayOfMonth(trimmed);
  return isReal ? ms : undefined;
}

/** When something ends that ends in or at `text`, in Unix ms; undefined where `text` is neither, or is over already. */
export function parseEnd(text: string, nowMs: number): number | undefined {
  const durationMs = parseDuration(text);
  const endMs = durationMs === undefined ? parseDate(text) : nowMs + durationMs;
  return endMs !== undefined && endMs > nowMs ? endMs : undefined;
}

function isDayOfMonth(date: string): boolean {
  const [year = 0, month = 0, day = 0] = date.slice(0, 10).split("-").map(Number);
  return day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}
