import { setTimeout } from "node:timers/promises";
import { DiagLogLevel, diag, ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from "@opentelemetry/api";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { AlwaysOnSampler, BatchSpanProcessor, type SpanExporter, TracerProvider } from "@opentelemetry/sdk-trace";
import type { TraceContext } from "../../generation/trace.ts";
import type { TraceSettings } from "./environment.ts";
import type { SpanPlan } from "./tree.ts";

/** Sends spans to a collector. */
export type TraceExport = {
  /** Tells of a span and its children. @param own the span's own place, if it was told before, such as to another server */
  readonly tell: (plan: SpanPlan, parent: TraceContext | undefined, own?: TraceContext) => void;
  /** Sends what is left. */
  readonly close: () => Promise<void>;
};

export type ExportOptions = {
  readonly settings: TraceSettings;
  readonly version: string;
  /** Returns the Unix time in ms of a time by the monotonic clock. */
  readonly toUnixMs: (ms: number) => number;
  /** Told what the libraries complain of, such as a collector that doesn't answer. */
  readonly warn: (problem: string) => void;
  /** The OTLP exporter unless given. */
  readonly exporter?: SpanExporter;
};

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const;

/** How long the last spans may take to be sent. */
const FAREWELL_MS = 2_000;
const SILENCE_MS = 60_000;
const MAX_WORDS = 300;

/** The convention that `names.ts` keeps to. */
const SCHEMA_URL = "https://opentelemetry.io/schemas/1.45.0";

export async function openTraceExport(options: ExportOptions): Promise<TraceExport> {
  const { settings, version, toUnixMs, warn, exporter } = options;
  listenToLibraries(warn);
  /** The ids of the next span, where it must have certain ones. */
  let next: { readonly traceId?: string; readonly spanId?: string } | undefined;
  const resource = defaultResource()
    .merge(resourceFromAttributes({ "service.name": "sluice", "service.version": version }))
    .merge(detectResources({ detectors: [envDetector] }));
  const processor = new BatchSpanProcessor({
    ...settings.batch,
    exporter: exporter ?? (await openExporter(settings.encoding)),
  });
  const provider = new TracerProvider({
    resource,
    sampler: new AlwaysOnSampler(),
    spanProcessors: [processor],
    idGenerator: {
      generateTraceId: () => next?.traceId ?? randomHex(16),
      generateSpanId: () => next?.spanId ?? randomHex(8),
    },
  });
  const tracer = provider.getTracer("sluice", version, { schemaUrl: SCHEMA_URL });

  function tell(plan: SpanPlan, parent: TraceContext | undefined, own?: TraceContext): void {
    next = own ?? (plan.spanId === undefined ? undefined : { spanId: plan.spanId });
    const around = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, toSpanContext(parent));
    const { name, kind, startMs, endMs, attributes, error } = plan;
    const span = tracer.startSpan(
      name,
      { kind: KINDS[kind], startTime: toUnixMs(startMs), attributes: toAttributes(attributes) },
      around,
    );
    next = undefined;
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    const { traceId, spanId } = span.spanContext();
    for (const child of plan.children) tell(child, { traceId, spanId, isSampled: true, state: undefined });
    span.end(toUnixMs(endMs));
  }

  return {
    tell,
    // A collector that is away must not hold up the gateway's end.
    close: () =>
      Promise.race([provider.shutdown().catch(() => {}), setTimeout(FAREWELL_MS, undefined, { ref: false })]),
  };
}

/** Passes on what the libraries log: the same complaint comes with each batch, so one a minute is enough. */
function listenToLibraries(warn: (problem: string) => void): void {
  let nextMs = 0;
  const tell = (...words: readonly unknown[]) => {
    const nowMs = performance.now();
    if (nowMs < nextMs) return;
    nextMs = nowMs + SILENCE_MS;
    warn(`OpenTelemetry: ${words.map(String).join(" ").slice(0, MAX_WORDS)}`);
  };
  const ignore = () => {};
  diag.setLogger(
    { error: tell, warn: tell, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}

async function openExporter(encoding: TraceSettings["encoding"]): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    encoding === "json"
      ? await import("@opentelemetry/exporter-trace-otlp-http")
      : await import("@opentelemetry/exporter-trace-otlp-proto");
  return new OTLPTraceExporter();
}

function toSpanContext({ traceId, spanId }: TraceContext) {
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true };
}

function toAttributes(attributes: SpanPlan["attributes"]) {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, typeof value === "object" ? [...value] : value]),
  );
}

function randomHex(bytes: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString("hex");
}
