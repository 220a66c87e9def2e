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
