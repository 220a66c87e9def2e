import type { KeyPolicy } from "./key.ts";

/** What a limit counts. */
export type Limited = "requests" | "tokens";

/** A period in which a key may use a limited amount. It begins with the first use. */
export type Window = {
  /** Part of the counter's name, also in Redis. */
  readonly id: string;
  readonly limited: Limited;
  readonly seconds: number;
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
];
