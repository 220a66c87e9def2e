const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

type Day = (typeof DAYS)[number];

/** When something holds. Absent means always. */
export type OpeningTimes = {
  /** Such as `08:00-18:00`, the end excluded. One that ends before it begins goes over midnight, and belongs to the day on which it begins. */
  readonly hours?: string | undefined;
  readonly days?: readonly Day[] | undefined;
  /** Such as `Europe/Berlin`. */
  readonly zone: string;
};

const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;

/** Whether `nowMs` (Unix ms) is within these times, by the clocks of their zone. */
export function isWithin({ hours, days, zone }: OpeningTimes, nowMs: number): boolean {
  if (hours === undefined && days === undefined) return true;
  const { day, minute } = localTime(zone, nowMs);
  const [from, to] = hours === undefined ? [0, DAY_MINUTES] : readHours(hours);
  const isOn = (offset: number) => days === undefined || days.includes(DAYS[(day + offset + 7) % 7] ?? "sun");
  if (from < to) return isOn(0) && minute >= from && minute < to;
  return (minute >= from && isOn(0)) || (minute < to && isOn(-1));
}

function readHours(text: string): readonly [from: number, to: number] {
  const [from = 0, to = DAY_MINUTES] = text.split("-").map((time) => {
    const [hour = 0, minute = 0] = time.split(":").map(Number);
    return hour * 60 + minute;
  });
  return [from, to];
}

type LocalTime = { readonly atMinute: number; readonly day: number; readonly minute: number };

/** Formatting takes microseconds, and the answer is the same for a minute: in every zone minutes begin together. */
const formats = new Map<string, { readonly format: Intl.DateTimeFormat; last: LocalTime | undefined }>();

function localTime(zone: string, nowMs: number): LocalTime {
  let known = formats.get(zone);
  if (known === undefined) {
    const format = new Intl.DateTimeFormat("en-GB", {
      ...{ timeZone: zone, weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
    });
    known = { format, last: undefined };
    formats.set(zone, known);
  }
  const atMinute = Math.floor(nowMs / MINUTE_MS);
  if (known.last?.atMinute === atMinute) return known.last;
  const parts = new Map(known.format.formatToParts(nowMs).map(({ type, value }) => [type, value]));
  const day = DAYS.map(String).indexOf(parts.get("weekday")?.toLowerCase() ?? "");
  known.last = { atMinute, day, minute: Number(parts.get("hour")) * 60 + Number(parts.get("minute")) };
  return known.last;
}
