import { escapeControls } from "../controls.ts";
import type { Paint } from "../style.ts";
import { type Entry, isRequest } from "./entry.ts";

type Said = NonNullable<Entry["said"]>;

/** What a line's own words are; the rest is shown behind its message. */
const KNOWN: ReadonlySet<string> = new Set(["level", "time", "msg"]);
/** Terminals and people stop reading. */
const MAX_REST = 2_000;

/** Shows an entry of the log in one line, with its time on this machine's clock. Lines of other programs stay as they are. */
export function showEntry(entry: Entry, paint: Paint): string {
  const { said, text } = entry;
  if (said === undefined) return escapeControls(text);
  const clean = cleanWords(said);
  const told = isRequest(entry) ? requestOf(clean) : messageOf(clean);
  return `${paint("dim", clockOf(clean.time ?? ""))}  ${told}`;

  function requestOf(of: Said): string {
    const { status = 0, ms = 0, method = "", path = "", route, model, preset, error } = of;
    return [
      paint(status >= 500 ? "red" : status >= 400 ? "yellow" : "green", String(status)),
      durationOf(ms).padStart(8),
      `${method} ${path}`,
      paint("cyan", [model, route && `(${route})`].filter(isSaid).join(" ")),
      preset,
      tokensOf(of),
      of.queueMs === undefined || of.queueMs < 1 ? undefined : `waited ${durationOf(of.queueMs)}`,
      of.cache === undefined ? undefined : `cache ${of.cache}`,
      of.keyName ?? of.keyId,
      error && paint("red", error),
      of.clientGone === true ? "client left" : undefined,
      paint("dim", of.requestId ?? ""),
    ]
      .filter(isSaid)
      .join("  ");
  }

  function messageOf(of: Said): string {
    const { level = "info", msg = "" } = of;
    const rest = Object.fromEntries(
      Object.entries(of).filter(([name, value]) => !KNOWN.has(name) && value !== undefined),
    );
    const shown = Object.keys(rest).length === 0 ? undefined : paint("dim", escapeControls(writeRest(rest)));
    const colour = level === "error" || level === "fatal" ? "red" : level === "warn" ? "yellow" : "dim";
    return [paint(colour, level.toUpperCase().padEnd(5)), msg, shown].filter(isSaid).join("  ");
  }
}

function isSaid(word: string | undefined): word is string {
  return word !== undefined && word !== "";
}

function tokensOf({ tokens }: Said): string | undefined {
  if (tokens === undefined) return undefined;
  const { prompt = 0, cached = 0, completion = 0 } = tokens;
  return `${prompt}${cached > 0 ? ` (${cached} cached)` : ""} + ${completion} tokens`;
}

function clockOf(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return time;
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${day} ${clock}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

function durationOf(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 60_000
    ? `${(ms / 1_000).toFixed(2)} s`
    : `${Math.floor(ms / 60_000)} m ${Math.round((ms % 60_000) / 1_000)} s`;
}

/** As JSON, unless it is nested deeper than that can be written. */
function writeRest(rest: object): string {
  try {
    return JSON.stringify(rest).slice(0, MAX_REST);
  } catch {
    return `{${Object.keys(rest).join(", ").slice(0, MAX_REST)}}`;
  }
}

/** What a client sent, such as a path, may hold what moves a terminal's cursor. */
function cleanWords(said: Said): Said {
  return Object.fromEntries(
    Object.entries(said).map(([name, value]) => [name, typeof value === "string" ? escapeControls(value) : value]),
  );
}
