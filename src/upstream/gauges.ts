import type { Channel } from "./channel.ts";
import type { GaugeNames } from "./kinds.ts";

/** What an upstream says of its own load. Undefined is unknown, not zero. */
export type Gauges = { readonly waiting: number | undefined; readonly running: number | undefined };

const MAX_LENGTH = 4 * 1024 * 1024;
/** `name{labels} value`, as in Prometheus' text format. */
const SAMPLE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? ([0-9.eE+-]+)/;

/** The sums of the gauges over all samples of `model`, and over those that name no model. */
export function readGauges(text: string, names: GaugeNames, model: string): Gauges {
  const sums = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, name = "", labels = "", value] = SAMPLE.exec(line) ?? [];
    const of = /(?:^|,)model_name="([^"]*)"/.exec(labels)?.[1];
    const count = Number(value ?? Number.NaN);
    if ((of !== undefined && of !== model) || !Number.isFinite(count) || count < 0) continue;
    sums.set(name, (sums.get(name) ?? 0) + count);
  }
  const read = (name: string | undefined) => (name === undefined ? undefined : sums.get(name));
  return { waiting: read(names.waiting), running: read(names.running) };
}

/** Asks for a server's load with its answer, and what has it. https://github.com/envoyproxy/envoy/issues/6614 */
export const LOAD_FORMAT_HEADER = "endpoint-load-metrics-format";
export const LOAD_HEADER = "endpoint-load-metrics";

const MAX_REPORT_LENGTH = 4_096;

/**
 * The gauges in an ORCA report of vLLM's: `TEXT named_metrics.num_requests_waiting=3`, or JSON. Its frontend in Rust leaves out
 * `named_metrics.`. Undefined if it has neither.
 */
export function readLoadReport(report: string): Gauges | undefined {
  const [, format = "", text = ""] = /^(TEXT|JSON)\s+(.*)$/is.exec(report.slice(0, MAX_REPORT_LENGTH).trim()) ?? [];
  const values = format.toUpperCase() === "JSON" ? readJsonReport(text) : readTextReport(text);
  const read = (name: string) => {
    const value = values.get(name);
    return value !== undefined && Number.isFinite(value) && value >= 0 ? value : undefined;
  };
  const gauges = { waiting: read("num_requests_waiting"), running: read("num_requests_running") };
  return gauges.waiting === undefined && gauges.running === undefined ? undefined : gauges;
}

function readTextReport(text: string): ReadonlyMap<string, number> {
  const pairs = text.split(",").map((pair) => pair.split("="));
  return new Map(pairs.map(([name = "", value = ""]) => [plainName(name.trim()), toNumber(value.trim())]));
}

function readJsonReport(text: string): ReadonlyMap<string, number> {
  try {
    const report: unknown = JSON.parse(text);
    const { named_metrics: named } = Object(report);
    return new Map(
      Object.entries(Object(named ?? report)).map(([name, value]) => [
        plainName(name),
        typeof value === "number" ? value : Number.NaN,
      ]),
    );
  } catch {
    return new Map();
  }
}

function plainName(name: string): string {
  return name.replace(/^named_metrics\./, "");
}

function toNumber(text: string): number {
  return text === "" ? Number.NaN : Number(text);
}

/** The text of a page of metrics. Rejects with `UpstreamError`, or the reason of `signal`. */
export async function fetchMetrics(channel: Channel, path: string, signal: AbortSignal): Promise<string> {
  const { chunks } = await channel.ask({ method: "GET", path, headers: {}, signal });
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of chunks) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_LENGTH) break;
  }
  return text;
}
