import type { Flags } from "../../config/load.ts";
import { parseDate, parseDuration } from "../../keys/duration.ts";
import { type CommandError, UsageError } from "../errors.ts";
import { type Entry, isRequest } from "./entry.ts";

/** The levels of the log, the lowest first. */
const LEVELS: readonly string[] = ["trace", "debug", "info", "warn", "error", "fatal"];

type Said = NonNullable<Entry["said"]>;
type Test = (said: Said, entry: Entry) => boolean;

/**
 * Makes a filter of the flags of `sluice logs`. Without flags all lines pass. Lines of other programs pass only then. Throws a `CommandError` for a
 * flag that can't be read.
 */
export function readFilter(flags: Flags, nowMs: number): (entry: Entry) => boolean {
  const tests = testsOf(flags, nowMs);
  return (entry) => {
    const { said } = entry;
    if (said === undefined) return tests.length === 0;
    return tests.every((test) => test(said, entry));
  };
}

function testsOf(flags: Flags, nowMs: number): readonly Test[] {
  const text = (name: string) => (typeof flags[name] === "string" ? flags[name] : undefined);
  const contains = (name: string, of: (said: Said) => readonly (string | undefined)[]): readonly Test[] => {
    const wanted = text(name);
    return wanted === undefined ? [] : [(said) => of(said).some((value) => value === wanted)];
  };
  const [status, slow, since, level, path] = ["status", "slow", "since", "level", "path"].map(text);
  return [
    ...contains("model", ({ model }) => [model]),
    ...contains("key", ({ keyId, keyName }) => [keyId, keyName]),
    ...contains("preset", ({ preset }) => [preset]),
    ...contains("id", ({ requestId, clientRequestId }) => [requestId, clientRequestId]),
    ...(path === undefined ? [] : [({ path: own }: Said) => own?.startsWith(path) === true]),
    ...(status === undefined ? [] : [testStatus(status)]),
    ...(slow === undefined ? [] : [testMs(slow)]),
    ...(since === undefined ? [] : [testTime(since, nowMs)]),
    ...(level === undefined ? [] : [testLevel(level)]),
    ...(flags.requests === true ? [(_: Said, entry: Entry) => isRequest(entry)] : []),
    ...(flags.errors === true ? [hasFailed] : []),
  ];
}

/** A failure of the gateway or of a request, whoever's fault it is. */
const hasFailed: Test = ({ status = 0, error, level = "info" }) =>
  status >= 400 || error !== undefined || rankOf(level) >= rankOf("error");

function testStatus(wanted: string): Test {
  if (!/^[1-5](\d\d|xx)$/i.test(wanted))
    throw wrong("--status", wanted, "a status such as 429, or a class such as 5xx");
  const beginning = wanted.toLowerCase().replace("xx", "");
  return ({ status }) => status !== undefined && String(status).startsWith(beginning);
}

function testMs(wanted: string): Test {
  const most = parseDuration(wanted);
  if (most === undefined) throw wrong("--slow", wanted, "a time such as 2s or 500ms");
  return ({ ms = 0 }) => ms >= most;
}

function testTime(wanted: string, nowMs: number): Test {
  const duration = parseDuration(wanted);
  const fromMs = duration === undefined ? parseDate(wanted) : nowMs - duration;
  if (fromMs === undefined) throw wrong("--since", wanted, "a time before now such as 10m, or a date");
  return ({ time = "" }) => Date.parse(time) >= fromMs;
}

function testLevel(wanted: string): Test {
  if (rankOf(wanted) < 0) throw wrong("--level", wanted, `one of ${LEVELS.join(", ")}`);
  return ({ level = "info" }) => rankOf(level) >= rankOf(wanted);
}

function rankOf(level: string): number {
  return LEVELS.indexOf(level);
}

function wrong(flag: string, value: string, expected: string): CommandError {
  return new UsageError(`${flag}: ${JSON.stringify(value)} is not allowed. Give ${expected}.`);
}
