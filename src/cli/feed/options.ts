import { z } from "zod";
import type { Flags } from "../../config/load.ts";
import { UsageError } from "../errors.ts";
import { ANSWERING, checkAnswering, duration, readFlags, someName, wholeNumber } from "../pipe/flags.ts";
import { BROKER_KINDS, type BrokerKind } from "./broker-kinds.ts";

/** Where the broker's URL may be, since it may hold a password. */
const BROKER_URL_VARIABLE = "SLUICE_BROKER_URL";

const MAX_TRIES = 1_000;
const LEAST_CLAIM_MS = 100;
const MAX_CLAIM_MS = 86_400_000;

const FLAGS = {
  ...ANSWERING,
  from: { name: "--from", schema: someName, expected: "a name" },
  to: { name: "--to", schema: someName, expected: "a name" },
  dead: { name: "--dead", schema: someName.optional(), expected: "a name" },
  group: { name: "--group", schema: someName, expected: "a name" },
  consumer: { name: "--consumer", schema: someName.optional(), expected: "a name" },
  tries: { name: "--tries", schema: wholeNumber(MAX_TRIES), expected: `a whole number from 1 to ${MAX_TRIES}` },
  claimAfter: {
    name: "--claim-after",
    schema: duration.pipe(z.number().min(LEAST_CLAIM_MS).max(MAX_CLAIM_MS)),
    expected: "a time from 100ms to 24h",
  },
} as const;

/** Reads the flags of `sluice feed`. Throws a UsageError that names the wrong one. */
export function readFeedOptions(flags: Flags, env: NodeJS.ProcessEnv) {
  const { dead, ...options } = readFlags(FLAGS, flags);
  checkAnswering(options);
  const { url, kind } = readUrl(flags.broker ?? env[BROKER_URL_VARIABLE]);
  const names = { from: options.from, to: options.to, dead: dead ?? kind.deadOf(options) };
  if (new Set(Object.values(names)).size < 3) {
    throw new UsageError("--from, --to and --dead must be three names: results would come back as items.");
  }
  const fault = kind.faultIn({ ...names, group: options.group });
  if (fault !== undefined) throw new UsageError(fault);
  return { ...options, ...names, url, kind, consumer: options.consumer ?? kind.consumer() };
}

function readUrl(given: unknown): { readonly url: string; readonly kind: BrokerKind } {
  const [{ example: first } = { example: "" }] = BROKER_KINDS;
  if (typeof given !== "string" || given === "") {
    throw new UsageError(`Name the broker: set --broker or ${BROKER_URL_VARIABLE}, such as ${first}.`);
  }
  // It may hold a password, so it isn't shown.
  const { protocol = "" } = URL.canParse(given) ? new URL(given) : {};
  const kind = BROKER_KINDS.find(({ protocols }) => protocols.includes(protocol));
  if (kind !== undefined) return { url: given, kind };
  const examples = BROKER_KINDS.map(({ example }) => example);
  throw new UsageError(`--broker: this is no URL of a broker. Give one such as ${examples.join(" or ")}.`);
}
