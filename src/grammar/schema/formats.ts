/**
 * The formats that a string can be held to, as regular expressions of all of the text. Each admits only what ajv-formats admits too, and
 * is bounded in length: a model that is at a loss must come to an end.
 */
const LABEL = "[A-Za-z0-9](?:-?[A-Za-z0-9]){0,23}";
const HOSTNAME = `${LABEL}(?:\\.${LABEL}){0,4}`;
const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = `${OCTET}(?:\\.${OCTET}){3}`;

const LEAP_YEAR = "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";
const DATE =
  "(?:\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))" +
  `|${LEAP_YEAR}-02-29)`;
const TIME = "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)";

const GROUP = "[0-9a-fA-F]{1,4}";
const IPV6 = [
  `(?:${GROUP}:){7}${GROUP}`,
  ...[1, 2, 3, 4, 5, 6].map((before) => `(?:${GROUP}:){1,${before}}(?::${GROUP}){1,${7 - before}}`),
  `:(?::${GROUP}){1,7}`,
  `(?:${GROUP}:){1,7}:`,
  "::",
].join("|");

const DURATION_DATE = "(?:\\d{1,9}Y(?:\\d{1,9}M)?(?:\\d{1,9}D)?|\\d{1,9}M(?:\\d{1,9}D)?|\\d{1,9}D)";
const DURATION_TIME = "T(?:\\d{1,9}H(?:\\d{1,9}M)?(?:\\d{1,9}S)?|\\d{1,9}M(?:\\d{1,9}S)?|\\d{1,9}S)";

const MAILBOX = "[A-Za-z0-9](?:[._+-]?[A-Za-z0-9]){0,31}";
const URI_CHAR = "(?:[A-Za-z0-9\\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})";

const FORMATS: ReadonlyMap<string, string> = new Map([
  ["date", DATE],
  ["time", TIME],
  ["date-time", `${DATE}T${TIME}`],
  ["duration", `P(?:${DURATION_DATE}(?:${DURATION_TIME})?|${DURATION_TIME}|\\d{1,9}W)`],
  ["uuid", "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"],
  ["email", `${MAILBOX}@${LABEL}(?:\\.${LABEL}){1,3}`],
  ["hostname", HOSTNAME],
  ["ipv4", IPV4],
  ["ipv6", IPV6],
  [
    "uri",
    `[A-Za-z][A-Za-z0-9+.-]{0,15}://${HOSTNAME}(?::\\d{1,5})?(?:/${URI_CHAR}*)*(?:\\?(?:${URI_CHAR}|[/?])*)?(?:#(?:${URI_CHAR}|[/?])*)?`,
  ],
]);

/** Formats that say nothing about a string: hints for people, and formats of numbers. */
const WITHOUT_EFFECT: readonly string[] = ["password", "binary", "int32", "int64", "float", "double"];

/** The regular expression of a format; an empty one where it says nothing; undefined where it is not known. */
export function formatPattern(format: string): string | undefined {
  return WITHOUT_EFFECT.includes(format) ? "" : FORMATS.get(format);
}

export const FORMAT_NAMES: readonly string[] = [...FORMATS.keys()];
