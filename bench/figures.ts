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
  readonly unit: "tok/s" | "ms" | "µs" | "MB" | "%";
  readonly better: "higher" | "lower";
};

export type FigureName = keyof typeof FIGURES;

/** Every figure's name, in the report's order. */
export const FIGURE_NAMES = Object.keys(FIGURES) as readonly FigureName[];

/** What one round, or the whole life of a contestant, brought. */
export type Measurement = Partial<Record<FigureName, number>>;
