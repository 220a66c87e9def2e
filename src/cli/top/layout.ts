import { widthOf } from "../chat/wrap.ts";
import { escapeControls } from "../controls.ts";
import type { Paint } from "../style.ts";
import { formatDuration } from "../units.ts";
import { formatMs, formatRate, sparkline } from "./figures.ts";
import type { Told } from "./follow.ts";
import { type Section, sectionsOf } from "./sections.ts";
import { cutTo } from "./table.ts";

/** What the person has chosen. */
export type View = {
  readonly isPaused: boolean;
  /** The section that gets the most room, counted from 0. */
  readonly focus: number;
  /** How many of its rows are above the first one shown. */
  readonly offset: number;
};

export type Frame = {
  readonly url: string;
  readonly columns: number;
  /** How many rows there are; all are shown if absent. */
  readonly rows?: number;
  readonly paint: Paint;
};

const KEYS = "q quit, p pause, Tab section, ↑↓ scroll";
const MAX_BARS = 60;

/** The screen's rows, none wider than it is, and not more than it has. */
export function layOut(told: Told, view: View, frame: Frame): readonly string[] {
  const { columns, rows: height, paint } = frame;
  const head = headOf(told, view, frame);
  const sections = sectionsOf(told, { columns, paint });
  if (height === undefined) {
    return [
      ...head,
      ...sections.flatMap((section) => ["", ...show(section, { ...frame, body: Number.POSITIVE_INFINITY })]),
    ];
  }
  const foot = [paint("dim", cutTo(KEYS, columns))];
  const room = Math.max(0, height - head.length - foot.length);
  const body = arrange(sections, Math.min(view.focus, sections.length - 1), room).flatMap(
    ({ section, body, isFocus }) => show(section, { ...frame, body, isFocus, offset: isFocus ? view.offset : 0 }),
  );
  const filled = [...head, ...body.slice(0, room)];
  return [...filled, ...Array(Math.max(0, height - foot.length - filled.length)).fill(""), ...foot].slice(0, height);
}

/** How many rows of the focused section can be scrolled. */
export function scrollable(told: Told, focus: number): { readonly sections: number; readonly rows: number } {
  const sections = sectionsOf(told, { columns: 80, paint: (_, words) => words });
  const { rows = [], heading = 0 } = sections[Math.min(focus, sections.length - 1)] ?? {};
  return { sections: sections.length, rows: rows.length - heading };
}

function headOf(
  { snapshot, points, lost }: Told,
  { isPaused }: View,
  { url, columns, paint }: Frame,
): readonly string[] {
  const name = `Sluice ${snapshot?.version ?? ""} at ${url}`;
  const cut = (text: string) => cutTo(escapeControls(text), columns);
  if (snapshot === undefined) return [paint("bold", cut(name)), cut("connecting")];
  const { point } = snapshot;
  const up = `up ${formatDuration(Math.max(0, point.at - snapshot.started_at))}`;
  const state =
    lost !== undefined
      ? paint("red", cut(`not reached, what is below is old: ${lost}`))
      : isPaused
        ? paint("yellow", cut(`paused, ${up}`))
        : paint("green", cut(`live, ${up}`));
  const rate = cutTo(` ${formatRate(point.tokens_per_second)} tokens/s`, columns);
  const bars = sparkline(
    points.map((each) => each.tokens_per_second),
    Math.min(MAX_BARS, columns - widthOf(rate)),
  );
  const [first, late] = point.first_token_ms ?? [];
  const [between] = point.between_tokens_ms ?? [];
  const waits = snapshot.queue.map(({ eta_ms: ms }) => ms ?? 0);
  const pieces = [
    `${point.running} running`,
    point.waiting === 0
      ? "nobody waits"
      : `${point.waiting} waiting, the last one for ${formatMs(Math.max(0, ...waits))} more`,
    ...(first === undefined ? [] : [`first token ${formatMs(first)} (95 % ${formatMs(late)})`]),
    ...(between === undefined ? [] : [`between tokens ${formatMs(between)}`]),
    ...(point.prompt_tokens_per_second > 0 ? [`prompts ${formatRate(point.prompt_tokens_per_second)} tokens/s`] : []),
    ...(point.failed > 0 ? [`${point.failed} failed`] : []),
  ];
  return [paint("bold", cut(name)), state, `${paint("cyan", bars)}${rate}`, ...fill(pieces, columns)];
}

/** Puts as many pieces on each row as fit. */
function fill(pieces: readonly string[], columns: number): readonly string[] {
  const rows: string[] = [];
  for (const piece of pieces) {
    const longer = `${rows.at(-1)}, ${piece}`;
    if (rows.length > 0 && widthOf(longer) <= columns) rows[rows.length - 1] = longer;
    else rows.push(cutTo(piece, columns));
  }
  return rows;
}

type Placed = { readonly section: Section; readonly body: number; readonly isFocus: boolean };

/** Shares the room: the focused section gets what it needs, the others a row each and then what is left, in their order. */
function arrange(sections: readonly Section[], focus: number, room: number): readonly Placed[] {
  // So that the focused one is there, where not even all titles fit.
  const from = Math.max(0, Math.min(focus, sections.length - room));
  const shown = sections.slice(from, from + room);
  const bodies = shown.map(() => 0);
  let left = room - shown.length;
  const give = (at: number, most: number) => {
    const section = shown[at];
    const before = bodies[at] ?? 0;
    if (section === undefined) return;
    const given = Math.min(left, Math.max(0, Math.min(section.rows.length, most) - before));
    // A heading alone says nothing.
    if (before + given <= section.heading) return;
    bodies[at] = before + given;
    left -= given;
  };
  const others = [...shown.keys()].filter((at) => from + at !== focus);
  const needOfOthers = others.reduce(
    (sum, at) => sum + Math.min(shown[at]?.rows.length ?? 0, 1 + (shown[at]?.heading ?? 0)),
    0,
  );
  give(focus - from, Math.max(left - needOfOthers, Math.min(left, 4)));
  for (const at of others) give(at, 1 + (shown[at]?.heading ?? 0));
  for (const at of others) give(at, Number.POSITIVE_INFINITY);
  give(focus - from, Number.POSITIVE_INFINITY);
  return shown.map((section, at) => ({ section, body: bodies[at] ?? 0, isFocus: from + at === focus }));
}

type Show = Pick<Frame, "columns" | "paint"> & {
  readonly body: number;
  readonly isFocus?: boolean;
  readonly offset?: number;
};

function show(
  { title, note, rows, heading }: Section,
  { columns, paint, body, isFocus, offset = 0 }: Show,
): readonly string[] {
  const most = Math.max(0, body - heading);
  const content = rows.slice(heading);
  const start = Math.max(0, Math.min(offset, content.length - most));
  const seen = content.slice(start, start + most);
  const part =
    seen.length < content.length && seen.length > 0
      ? `${start + 1} to ${start + seen.length} of ${content.length}`
      : "";
  const notes = [part, note].filter((each) => each !== "").join("; ");
  const mark = isFocus === undefined ? "" : isFocus ? "> " : "  ";
  const name = `${mark}${title.toUpperCase()}`;
  const line = `${paint(isFocus === true ? ["bold", "inverse"] : "bold", cutTo(name, columns))}${notes === "" ? "" : paint("dim", cutTo(`  ${escapeControls(notes)}`, columns - widthOf(name)))}`;
  return [
    line,
    ...(body > 0 ? rows.slice(0, heading) : []),
    ...seen.map((row) => (heading === 0 ? cutTo(row, columns) : row)),
  ];
}
