/**
 * The supported formats of strings, as regular expressions for the whole text. Each admits only what its RFC does, and has a limited length
 * if a confused model could continue it forever.
 */
const ALNUM = "[A-Za-z0-9]";
/** RFC 1123 and 5891: only A-labels have hyphens in the third and fourth place. */
const LABEL = `(?:${ALNUM}(?:-?${ALNUM}){0,23}|[Xx][Nn]--${ALNUM}(?:-?${ALNUM}){0,23})`;
const HOSTNAME = `${LABEL}(?:\\.${LABEL}){0,4}`;
const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = `${OCTET}(?:\\.${OCTET}){3}`;

const LEAP_YEAR = "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";
const DATE =
  "(?:\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))" +
  `|${LEAP_YEAR}-02-29)`;
const TIME = `(?:(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)|${leapSeconds()})`;

const GROUP = "[0-9a-fA-F]{1,4}";
/** RFC 4291, section 2.2: groups before and after `::`, and an IPv4 address as the last two. */
const IPV6 = [
  `(?:${GROUP}:){7}${GROUP}`,
  ...[1, 2, 3, 4, 5, 6].map((before) => `(?:${GROUP}:){1,${before}}(?::${GROUP}){1,${7 - before}}`),
  `:(?::${GROUP}){1,7}`,
  `(?:${GROUP}:){1,7}:`,
  "::",
  `(?:${GROUP}:){6}${IPV4}`,
  ...[1, 2, 3, 4, 5].map((before) => `(?:${GROUP}:){1,${before}}(?::${GROUP}){0,${5 - before}}:${IPV4}`),
  `:(?::${GROUP}){0,5}:${IPV4}`,
].join("|");

/** RFC 3339, appendix A: no unit is omitted between two others. */
const DURATION_DATE = "(?:\\d{1,9}Y(?:\\d{1,9}M(?:\\d{1,9}D)?)?|\\d{1,9}M(?:\\d{1,9}D)?|\\d{1,9}D)";
const DURATION_TIME = "T(?:\\d{1,9}H(?:\\d{1,9}M(?:\\d{1,9}S)?)?|\\d{1,9}M(?:\\d{1,9}S)?|\\d{1,9}S)";

const MAILBOX = `${ALNUM}(?:[._+-]?${ALNUM}){0,31}`;
const INTERNATIONAL = "A-Za-z0-9\\u00A1-\\u167F\\u1681-\\u1FFF\\u2C00-\\u2FEF\\u3001-\\uD7FF";

const POINTER = "(?:/(?:[^/~]|~[01])*)*";
const PERCENT = "%[0-9A-Fa-f]{2}";
const TEMPLATE_VARIABLE = `(?:\\w|${PERCENT})(?:\\.?(?:\\w|${PERCENT})){0,31}(?::[1-9]\\d{0,3}|\\*)?`;

/** RFC 3986, and with characters of other scripts RFC 3987. */
function uris(others: string): { readonly absolute: string; readonly reference: string } {
  const unreserved = `A-Za-z0-9\\-._~!$&'()*+,;=@${others}`;
  const char = `(?:[:${unreserved}]|${PERCENT})`;
  const tail = `(?:\\?(?:${char}|[/?])*)?(?:#(?:${char}|[/?])*)?`;
  const segments = `(?:/${char}*)*`;
  const hierarchy = `//(?:${HOSTNAME}(?::\\d{1,5})?${segments}|/${char}*${segments})|/(?:${char}+${segments})?`;
  const absolute = `[A-Za-z][A-Za-z0-9+.-]{0,15}:(?:${hierarchy}|${char}+${segments})${tail}`;
  return {
    absolute,
    reference: `(?:${absolute}|(?:${hierarchy}|(?:[${unreserved}]|${PERCENT})+${segments})?${tail})`,
  };
}

const URI = uris("");
const IRI = uris("\\u00A0-\\uD7FF\\uF900-\\uFDCF\\uFDF0-\\uFFEF");

const FORMATS: ReadonlyMap<string, string> = new Map([
  ["date", DATE],
  ["time", TIME],
  ["date-time", `${DATE}T${TIME}`],
  ["duration", `P(?:${DURATION_DATE}(?:${DURATION_TIME})?|${DURATION_TIME}|\\d{1,9}W)`],
  ["uuid", "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"],
  ["email", `${MAILBOX}@${LABEL}(?:\\.${LABEL}){1,3}`],
  ["idn-email", `[${INTERNATIONAL}](?:[._+-]?[${INTERNATIONAL}]){0,31}@${LABEL}(?:\\.${LABEL}){1,3}`],
  ["hostname", HOSTNAME],
  // Names in other scripts have rules for each script; A-labels can express them all.
  ["idn-hostname", HOSTNAME],
  ["ipv4", IPV4],
  ["ipv6", IPV6],
  ["uri", URI.absolute],
  ["uri-reference", URI.reference],
  ["iri", IRI.absolute],
  ["iri-reference", IRI.reference],
  [
    "uri-template",
    `(?:[A-Za-z0-9\\-._~:/?#\\[\\]@!$&()*+,;=]|${PERCENT}|\\{[+#./;?&=,!@|]?${TEMPLATE_VARIABLE}(?:,${TEMPLATE_VARIABLE}){0,7}\\})*`,
  ],
  ["json-pointer", POINTER],
  ["relative-json-pointer", `(?:0|[1-9]\\d{0,8})(?:#|${POINTER})`],
]);

/** Returns a format's regular expression; undefined if the format is unknown. */
export function formatPattern(format: string): string | undefined {
  return FORMATS.get(format);
}

/** A pattern found in every text of a format, by any reading of its standard. */
const WIDEST: ReadonlyMap<string, string> = new Map([
  ["date", "^\\d{4}-\\d\\d-\\d\\d$"],
  ["time", "^\\d\\d:\\d\\d:\\d\\d"],
  ["date-time", "^\\d{4}-\\d\\d-\\d\\d[Tt\\s]"],
  ["duration", "^P"],
  ["uuid", "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"],
  ["email", "@"],
  ["idn-email", "@"],
  ["hostname", "^[^@:/\\s]*$"],
  ["ipv4", "^\\d{1,3}(?:\\.\\d{1,3}){3}$"],
  ["ipv6", "^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$"],
  ["uri", "^[A-Za-z][A-Za-z0-9+.-]*:"],
  ["iri", "^[A-Za-z][A-Za-z0-9+.-]*:"],
  ["json-pointer", "^(?:/|$)"],
  ["relative-json-pointer", "^\\d"],
]);

/** Returns a regular expression that is found in every text of a format; undefined if there is none. */
export function widestPattern(format: string): string | undefined {
  return WIDEST.get(format);
}

/** Whether JSON Schema defines the format, but no grammar can enforce it. */
export function isUnwritable(format: string): boolean {
  return format === "regex";
}

export const FORMAT_NAMES: readonly string[] = [...FORMATS.keys()];

/** RFC 3339, section 5.7: the second 60 only exists at 23:59 in UTC. Covers offsets of whole and half hours. */
function leapSeconds(): string {
  const two = (number: number) => String(number).padStart(2, "0");
  const offsets = Array.from({ length: 48 }, (_, half) => {
    // The minute of the day at which it is 23:59 in UTC.
    const later = (1439 + half * 30) % 1440;
    const zone = `${two(Math.floor(half / 2))}:${half % 2 === 0 ? "00" : "30"}`;
    const back = half === 0 ? zone : `${two(Math.floor((48 - half) / 2))}:${half % 2 === 0 ? "00" : "30"}`;
    const zones = half === 0 ? `(?:Z|[+-]${zone})` : `(?:\\+${zone}|-${back})`;
    return `${two(Math.floor(later / 60))}:${two(later % 60)}:60${zones}`;
  });
  return `(?:${offsets.join("|")})`;
}
