/** Everything that is measured, with its unit and which way is better. The report's rows come in this order. */
export const FIGURES = {
  decodeTokensPerSecond: { label: "decode", unit: "tok/s", better: "higher" },
  outputTokensPerSecond: { label: "output", unit: "tok/s", better: "higher" },
  prefillTokensPerSecond: { label: "prefill", unit: "tok/s", better: "higher" },
  decode8TokensPerSecond: { label: "decode, 8 streams", unit: "tok/s", better: "higher" },
  output8TokensPerSecond: { label: "output, 8 streams", unit: "tok/s", better: "higher" },
  wallMs: { label: "wall time", unit: "ms", better: "lower" },
  firstWaveTtftP50Ms: { label: "first wave's TTFT p50", unit: "ms", better: "lower" },
  intruderTtftMs: { label: "intruder's TTFT", unit: "ms", better: "lower" },
  keptTtftP50Ms: { label: "kept completion's TTFT p50", unit: "ms", better: "lower" },
  keptTtftP95Ms: { label: "kept completion's TTFT p95", unit: "ms", better: "lower" },
  ttftP50Ms: { label: "TTFT p50", unit: "ms", better: "lower" },
  ttftP95Ms: { label: "TTFT p95", unit: "ms", better: "lower" },
  ttftP99Ms: { label: "TTFT p99", unit: "ms", better: "lower" },
  itlP50Ms: { label: "ITL p50", unit: "ms", better: "lower" },
  itlP95Ms: { label: "ITL p95", unit: "ms", better: "lower" },
  itlP99Ms: { label: "ITL p99", unit: "ms", better: "lower" },
  itlWorstMs: { label: "ITL worst", unit: "ms", better: "lower" },
  cachedTokens: { label: "prompt tokens reused", unit: "%", better: "higher" },
  startToFirstTokenMs: { label: "start to first token", unit: "ms", better: "lower" },
  addedP50Ms: { label: "added by the gateway, p50", unit: "ms", better: "lower" },
  addedP99Ms: { label: "added by the gateway, p99", unit: "ms", better: "lower" },
  capacityPerSecond: { label: "capacity, all slots busy", unit: "req/s", better: "higher" },
  offeredPerSecond: { label: "offered", unit: "req/s", better: "higher" },
  goodPerSecond: { label: "goodput", unit: "req/s", better: "higher" },
  goodAsAlonePerSecond: { label: "goodput, ITL against one alone", unit: "req/s", better: "higher" },
  inTimePerSecond: { label: "answers with TTFT in time", unit: "req/s", better: "higher" },
  unloadedTtftP95Ms: { label: "TTFT p95, unloaded", unit: "ms", better: "lower" },
  busyTtftP95Ms: { label: "TTFT p95, all slots busy", unit: "ms", better: "lower" },
  politeTtftP50Ms: { label: "polite key's TTFT p50", unit: "ms", better: "lower" },
  politeTtftP95Ms: { label: "polite key's TTFT p95", unit: "ms", better: "lower" },
  politeTtftOverUnloaded: { label: "polite key's TTFT p95 ÷ unloaded", unit: "×", better: "lower" },
  greedyTtftP50Ms: { label: "greedy key's TTFT p50", unit: "ms", better: "lower" },
  greedyTtftP95Ms: { label: "greedy key's TTFT p95", unit: "ms", better: "lower" },
  unloadedItlP95Ms: { label: "ITL p95, unloaded", unit: "ms", better: "lower" },
  busyItlP95Ms: { label: "ITL p95, all slots busy", unit: "ms", better: "lower" },
  politeAnswered: { label: "polite key's clients answered", unit: "%", better: "higher" },
  answered: { label: "clients answered", unit: "%", better: "higher" },
  refused: { label: "clients refused in the end", unit: "%", better: "lower" },
  gaveUp: { label: "clients that gave up", unit: "%", better: "lower" },
  failed: { label: "clients cut off after being let in", unit: "%", better: "lower" },
  refusals503: { label: "refusals with 503", unit: "req", better: "lower" },
  refusals429: { label: "refusals with 429", unit: "req", better: "lower" },
  refusalP95Ms: { label: "refusal told within, p95", unit: "ms", better: "lower" },
  returned: { label: "clients back at the told time", unit: "req", better: "higher" },
  returnedAnswered: { label: "of these answered", unit: "%", better: "higher" },
  latenessP99Ms: { label: "load generator late, p99", unit: "ms", better: "lower" },
  spikeInTime: { label: "spike: TTFT in time", unit: "%", better: "higher" },
  spikeAnswered: { label: "spike: clients answered", unit: "%", better: "higher" },
  spikeGaveUp: { label: "spike: clients that gave up", unit: "%", better: "lower" },
  spikeFailed: { label: "spike: cut off after being let in", unit: "%", better: "lower" },
  spikeReturnedAnswered: { label: "spike: answered of those back", unit: "%", better: "higher" },
  spikeRefusalP95Ms: { label: "spike: refusal told within, p95", unit: "ms", better: "lower" },
  spikeLatenessP99Ms: { label: "spike: load generator late, p99", unit: "ms", better: "lower" },
  spikeGrowthMb: { label: "spike: RSS growth at the highest", unit: "MB", better: "lower" },
  growthMb: { label: "RSS growth by load and spike", unit: "MB", better: "lower" },
  politeWaitP50Ms: { label: "polite tenants' wait p50", unit: "ms", better: "lower" },
  politeWaitP95Ms: { label: "polite tenants' wait p95", unit: "ms", better: "lower" },
  politeWaitP99Ms: { label: "polite tenants' wait p99", unit: "ms", better: "lower" },
  greedyWaitP50Ms: { label: "greedy tenants' wait p50", unit: "ms", better: "lower" },
  greedyWaitP95Ms: { label: "greedy tenants' wait p95", unit: "ms", better: "lower" },
  greedyWaitP99Ms: { label: "greedy tenants' wait p99", unit: "ms", better: "lower" },
  politeAdmitted: { label: "polite tenants' requests admitted when first sent", unit: "%", better: "higher" },
  returnedAdmitted: { label: "admitted when they came back as told", unit: "%", better: "higher" },
  slotsBusy: { label: "slots' time in use", unit: "%", better: "higher" },
  unfairness: { label: "largest lead of a tenant, in dearest requests", unit: "%", better: "lower" },
  decisionUs: { label: "CPU for each decision", unit: "µs", better: "lower" },
  crowdedDecisionUs: { label: "CPU for each decision, 100,000 waiting", unit: "µs", better: "lower" },
  peakRssMb: { label: "peak RSS", unit: "MB", better: "lower" },
} as const satisfies Record<string, FigureInfo>;

export type FigureInfo = {
  readonly label: string;
  readonly unit: "tok/s" | "req/s" | "req" | "ms" | "µs" | "MB" | "%" | "×";
  readonly better: "higher" | "lower";
};

export type FigureName = keyof typeof FIGURES;

/** Every figure's name, in the report's order. */
export const FIGURE_NAMES = Object.keys(FIGURES) as readonly FigureName[];

/** What one round, or the whole life of a contestant, brought. */
export type Measurement = Partial<Record<FigureName, number>>;
