import type { KeyPolicy } from "./key.ts";

/** What a limit counts. Money is counted in billionths of a US dollar. */
export type Limited = "requests" | "tokens" | "money";

/** Billionths in a US dollar. */
export const NANOS = 1e9;

/** A period in which a key may use a limited amount. It begins with the first use, or with a day or a month of the calendar. */
export type Window = {
  /** Part of the counter's name, also in Redis. */
  readonly id: string;
  readonly limited: Limited;
  readonly seconds: number;
  /** Of a period of the calendar, in UTC, from a time in it. Both in Unix ms. */
  readonly calendar?: { readonly startOf: (ms: number) => number; readonly endOf: (ms: number) => number };
  /** Its name in messages. */
  readonly words: string;
  readonly limitOf: (policy: KeyPolicy) => number | undefined;
};

/** Windows of requests come first, since refusing those is cheapest. */
export const WINDOWS: readonly Window[] = [
  {
    id: "rpm",
    limited: "requests",
    seconds: 60,
    words: "requests per minute",
    limitOf: ({ requestsPerMinute }) => requestsPerMinute,
  },
  {
    id: "rpd",
    limited: "requests",
    seconds: 86_400,
    words: "requests per day",
    limitOf: ({ requestsPerDay }) => requestsPerDay,
  },
  {
    id: "tpm",
    limited: "tokens",
    seconds: 60,
    words: "tokens per minute",
    limitOf: ({ tokensPerMinute }) => tokensPerMinute,
  },
  {
    id: "tpd",
    limited: "tokens",
    seconds: 86_400,
    words: "tokens per day",
    limitOf: ({ tokensPerDay }) => tokensPerDay,
  },
  {
    id: "cpd",
    limited: "money",
    seconds: 86_400,
    words: "its cost per day",
    calendar: { startOf: (ms) => utc(ms, 0, 0), endOf: (ms) => utc(ms, 0, 1) },
    limitOf: ({ budgetPerDay }) => budgetPerDay && budgetPerDay * NANOS,
  },
  {
    id: "cpm",
    limited: "money",
    seconds: 31 * 86_400,
    words: "its cost per month",
    calendar: { startOf: (ms) => utc(ms, 0, "first"), endOf: (ms) => utc(ms, 1, "first") },
    limitOf: ({ budgetPerMonth }) => budgetPerMonth && budgetPerMonth * NANOS,
  },
];

/** The beginning of a day, some months and days later. */
function utc(ms: number, months: number, days: number | "first"): number {
  const date = new Date(ms);
  const day = days === "first" ? 1 : date.getUTCDate() + days;
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, day);
}
