import type { LiveModel, LiveQueued, LiveSlot, LiveSnapshot } from "../../live/snapshot.ts";
import type { Paint } from "../style.ts";
import { formatBytes, formatDuration } from "../units.ts";
import { formatMs, formatRate, NOTHING } from "./figures.ts";
import type { Told } from "./follow.ts";
import { type Cell, type Column, layTable } from "./table.ts";

/** A part of the screen. */
export type Section = {
  readonly title: string;
  /** Beside its title. */
  readonly note: string;
  /** The table, its heading first; a sentence where there is nothing. */
  readonly rows: readonly string[];
  /** How many of the rows are its heading, which stays when the others are scrolled. */
  readonly heading: 0 | 1;
};

type Draw = { readonly columns: number; readonly paint: Paint };

/** All sections that have something to show, in their order. */
export function sectionsOf({ snapshot, events }: Told, draw: Draw): readonly Section[] {
  if (snapshot === undefined) return [];
  const { models, queue, batches, routes, cache } = snapshot;
  return [
    slots(models, draw),
    waiting(snapshot, draw),
    modelList(snapshot, draw),
    ...(batches.length > 0 ? [section("Batches", "", BATCH_COLUMNS, batches, "", draw)] : []),
    ...(routes.length > 0
      ? [section("Routes", "where a short request would go now", ROUTE_COLUMNS, routes, "", draw)]
      : []),
    ...(cache === null ? [] : [cacheSection(cache)]),
    section("Events", "", EVENT_COLUMNS, events.toReversed(), "No model was loaded, unloaded or restarted.", draw),
  ].filter(({ rows }) => rows.length > 0 && queue !== undefined);
}

function section<Row>(
  title: string,
  note: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  otherwise: string,
  { columns: width, paint }: Draw,
): Section {
  if (rows.length === 0) return { title, note, rows: otherwise === "" ? [] : [otherwise], heading: 0 };
  return { title, note, rows: layTable(columns, rows, width, paint), heading: 1 };
}

type SlotRow = { readonly model: LiveModel; readonly slot: LiveSlot };

function slots(models: readonly LiveModel[], draw: Draw): Section {
  const rows = models.flatMap((model) => model.slots.map((slot): SlotRow => ({ model, slot })));
  const used = rows.filter(({ slot }) => slot.request !== null).length;
  return section(
    "Slots",
    `${used} of ${rows.length} in use`,
    SLOT_COLUMNS,
    rows,
    "No engine is loaded on this machine.",
    draw,
  );
}

const SLOT_COLUMNS: readonly Column<SlotRow>[] = [
  { title: "Model", stays: 9, cell: ({ model }) => model.id },
  { title: "Slot", stays: 8, isNumber: true, cell: ({ slot }) => String(slot.index + 1) },
  { title: "Does", stays: 7, cell: ({ slot }) => doing(slot) },
  {
    title: "Tok/s",
    stays: 8,
    isNumber: true,
    cell: ({ slot: { request } }) => (request === null ? "" : formatRate(request.tokens_per_second)),
  },
  {
    title: "Prompt",
    stays: 5,
    isNumber: true,
    cell: ({ slot: { request } }) => (request === null ? "" : String(request.prompt_tokens)),
  },
  {
    title: "Cached",
    stays: 4,
    isNumber: true,
    cell: ({ slot: { request } }) => (request === null ? "" : String(request.cached_tokens)),
  },
  {
    title: "Written",
    stays: 5,
    isNumber: true,
    cell: ({ slot: { request } }) => (request === null ? "" : String(request.generated_tokens)),
  },
  { title: "Key", stays: 3, cell: ({ slot }) => slot.request?.key ?? "" },
  { title: "Class", stays: 2, cell: ({ slot }) => slot.request?.class ?? "" },
  { title: "Held", stays: 1, isNumber: true, cell: ({ slot }) => String(slot.held_tokens) },
];

function doing({ request }: LiveSlot): Cell {
  if (request === null) return { text: "free", style: "dim" };
  const { prompt_tokens: all, prefilled_tokens: done } = request;
  if (done >= all) return { text: "writes", style: "green" };
  return { text: `reads ${Math.floor((100 * done) / Math.max(1, all))} %`, style: "yellow" };
}

function waiting({ queue, models }: LiveSnapshot, draw: Draw): Section {
  const rows = queue.filter(({ state }) => state !== "running");
  const total = models.reduce((sum, model) => sum + model.waiting, 0);
  const classes = Map.groupBy(rows, (row) => row.class);
  const note = [...classes].map(([name, some]) => `${some.length} ${name}`).join(", ");
  const more = total > rows.length ? `${rows.length} of ${total}; ` : "";
  return section("Queue", `${more}${note}`, QUEUE_COLUMNS, rows, "Nobody waits.", draw);
}

const QUEUE_COLUMNS: readonly Column<LiveQueued>[] = [
  { title: "Model", stays: 9, cell: ({ model }) => model },
  {
    title: "Place",
    stays: 8,
    isNumber: true,
    cell: ({ position }) => (position === null ? "aside" : String(position)),
  },
  { title: "Class", stays: 6, cell: (row) => row.class },
  { title: "First token in", stays: 7, isNumber: true, cell: ({ eta_ms: ms }) => formatMs(ms) },
  { title: "Waited", stays: 5, isNumber: true, cell: ({ waited_ms: ms }) => formatMs(ms) },
  { title: "Promised", stays: 3, isNumber: true, cell: ({ promised_ms: ms }) => formatMs(ms) },
  { title: "Key", stays: 4, cell: ({ key }) => key },
];

function modelList({ models, memory }: LiveSnapshot, draw: Draw): Section {
  const budget = memory.budget_bytes === null ? "" : ` of ${formatBytes(memory.budget_bytes)}`;
  const note = `${formatBytes(memory.models_bytes)}${budget}; the gateway itself ${formatBytes(memory.process_bytes)}`;
  return section("Models", note, MODEL_COLUMNS, models, "No model is served.", draw);
}

const MODEL_COLUMNS: readonly Column<LiveModel>[] = [
  { title: "Model", stays: 9, cell: ({ id }) => id },
  { title: "State", stays: 8, cell: stateOf },
  { title: "Run", stays: 6, isNumber: true, cell: ({ running }) => String(running) },
  { title: "Wait", stays: 6, isNumber: true, cell: ({ waiting: number }) => String(number) },
  { title: "Tok/s", stays: 7, isNumber: true, cell: ({ tokens_per_second: rate }) => formatRate(rate) },
  {
    title: "Memory",
    stays: 5,
    isNumber: true,
    cell: ({ memory_bytes: bytes }) => (bytes === null ? NOTHING : formatBytes(bytes)),
  },
  {
    title: "Expected",
    stays: 4,
    isNumber: true,
    cell: ({ first_token_ms: ms }) => (ms === 0 ? "at once" : formatMs(ms)),
  },
  {
    title: "Where",
    stays: 3,
    cell: ({ upstream }) => (upstream === null ? "here" : `${upstream.name} (${upstream.kind})`),
  },
  { title: "Then", stays: 2, cell: laterOf },
];

const STYLES = {
  ready: "green",
  loading: "yellow",
  restarting: "red",
  failed: "red",
  unloading: "dim",
  unloaded: "dim",
} as const;

function stateOf({ state, upstream }: LiveModel): Cell {
  const isTrying = state === "ready" && upstream?.breaker === "trying";
  if (isTrying) return { text: "trying again", style: "yellow" };
  if (upstream !== null && state === "restarting") return { text: "kept away", style: "red" };
  return { text: state === "unloaded" ? "on disk" : state, style: STYLES[state] };
}

function laterOf({ upstream, pinned, unload_in_ms: unloadMs }: LiveModel): string {
  if (upstream !== null && upstream.retry_after_ms > 0) return `asked again in ${formatMs(upstream.retry_after_ms)}`;
  if (pinned) return "pinned";
  return unloadMs === null ? "" : `unloads in ${formatMs(unloadMs)}`;
}

const BATCH_COLUMNS: readonly Column<LiveSnapshot["batches"][number]>[] = [
  { title: "Batch", stays: 9, cell: ({ id }) => id },
  {
    title: "Done",
    stays: 8,
    isNumber: true,
    cell: ({ request_counts: { completed, failed, total } }) => `${completed + failed}/${total}`,
  },
  { title: "Req/s", stays: 6, isNumber: true, cell: ({ requests_per_second: rate }) => formatRate(rate) },
  {
    title: "Left",
    stays: 7,
    isNumber: true,
    cell: ({ eta_seconds: left }) => (left === null ? NOTHING : formatDuration(left * 1_000)),
  },
  { title: "Failed", stays: 5, isNumber: true, cell: ({ request_counts: { failed } }) => String(failed) },
  {
    title: "Status",
    stays: 4,
    cell: ({ status, paused }) => (paused === null ? status.replaceAll("_", " ") : `waits: ${paused}`),
  },
  { title: "Model", stays: 3, cell: ({ model }) => model ?? "" },
  { title: "Key", stays: 2, cell: ({ key }) => key },
];

const named = ({ target, reason }: { readonly target: string; readonly reason: string | null }) =>
  reason === null ? target : `${target} (${reason})`;

const ROUTE_COLUMNS: readonly Column<LiveSnapshot["routes"][number]>[] = [
  { title: "Route", stays: 9, cell: ({ route }) => route },
  { title: "First", stays: 8, cell: ({ targets: [first] }) => (first === undefined ? "none" : named(first)) },
  { title: "Then", stays: 2, cell: ({ targets }) => targets.slice(1).map(named).join(", ") },
  { title: "Not", stays: 1, cell: ({ excluded }) => excluded.map(named).join(", ") },
];

const EVENT_COLUMNS: readonly Column<Told["events"][number]>[] = [
  { title: "Model", stays: 9, cell: ({ model }) => model },
  { title: "Became", stays: 8, cell: ({ state }) => ({ text: state, style: STYLES[state] }) },
  { title: "When", stays: 7, cell: ({ at }) => new Date(at).toLocaleTimeString("en-GB") },
];

function cacheSection(cache: NonNullable<LiveSnapshot["cache"]>): Section {
  const asked = cache.hits + cache.misses;
  const share = asked === 0 ? NOTHING : `${Math.round((100 * (cache.hits + cache.collapsed)) / asked)} %`;
  const rows = [
    `${share} of ${asked} answers needed no generation`,
    `${cache.hits} hits (${cache.semantic_hits} by meaning), ${cache.collapsed} shared, ${cache.misses} missed`,
    `${cache.entries} answers in ${formatBytes(cache.bytes)} of ${formatBytes(cache.max_bytes)}`,
    ...(cache.shared === null
      ? []
      : [`Redis: ${cache.shared.up ? "reached" : "not reached"}, ${cache.shared.hits} hits`]),
  ];
  return { title: "Cache", note: "", rows, heading: 0 };
}
