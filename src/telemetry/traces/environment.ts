/** What OpenTelemetry's variables say of traces, as far as the libraries don't read them themselves. */
export type TraceSettings = {
  readonly encoding: "protobuf" | "json";
  readonly sampler: { readonly share: number; readonly heedsClient: boolean };
  readonly batch: {
    readonly scheduledDelayMillis?: number;
    readonly exportTimeoutMillis?: number;
    readonly maxQueueSize?: number;
    readonly maxExportBatchSize?: number;
  };
  readonly withContent: boolean;
};

const ENDPOINTS = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"] as const;

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Reads the variables of https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/. Undefined where traces are not asked
 * for: they are once an endpoint is named, or `OTEL_TRACES_EXPORTER` is `otlp`.
 *
 * @param warn told of a value that can't be used, which is then left at its default, as the specification asks
 */
export function readTraceSettings(env: Env, warn: (problem: string) => void): TraceSettings | undefined {
  const said = (name: string) => env[name]?.trim() || undefined;
  if (said("OTEL_SDK_DISABLED")?.toLowerCase() === "true") return undefined;
  const exporters = said("OTEL_TRACES_EXPORTER")?.toLowerCase().split(",");
  const isNamed = ENDPOINTS.some((name) => said(name));
  if (exporters === undefined ? !isNamed : !exporters.includes("otlp")) {
    const others = exporters?.filter((name) => name !== "none") ?? [];
    if (others.length > 0) warn(`OTEL_TRACES_EXPORTER: only otlp and none are known, not ${others.join()}.`);
    return undefined;
  }
  const unusable = ENDPOINTS.find((name) => said(name) !== undefined && !isHttpUrl(said(name) ?? ""));
  if (unusable !== undefined) {
    // Its value may hold a password.
    warn(`${unusable}: expected a URL such as http://localhost:4318. No traces are sent.`);
    return undefined;
  }
  const number = (name: string) => {
    const value = said(name);
    if (value === undefined) return undefined;
    if (/^\d{1,9}$/.test(value) && Number(value) > 0) return Number(value);
    warn(`${name}: expected a positive number, not '${value}'. It is left at its default.`);
    return undefined;
  };
  const batch = {
    scheduledDelayMillis: number("OTEL_BSP_SCHEDULE_DELAY"),
    exportTimeoutMillis: number("OTEL_BSP_EXPORT_TIMEOUT"),
    maxQueueSize: number("OTEL_BSP_MAX_QUEUE_SIZE"),
    maxExportBatchSize: number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"),
  };
  return {
    encoding: readEncoding(said("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") ?? said("OTEL_EXPORTER_OTLP_PROTOCOL"), warn),
    sampler: readSampler(said("OTEL_TRACES_SAMPLER"), said("OTEL_TRACES_SAMPLER_ARG"), warn),
    batch: Object.fromEntries(Object.entries(batch).filter(([, value]) => value !== undefined)),
    withContent: said("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT")?.toLowerCase() === "true",
  };
}

function isHttpUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

function readEncoding(protocol: string | undefined, warn: (problem: string) => void): TraceSettings["encoding"] {
  switch (protocol) {
    case undefined:
    case "http/protobuf":
      return "protobuf";
    case "http/json":
      return "json";
    default:
      warn(`OTEL_EXPORTER_OTLP_PROTOCOL: '${protocol}' is not supported; traces are sent as http/protobuf.`);
      return "protobuf";
  }
}

function readSampler(
  name: string | undefined,
  argument: string | undefined,
  warn: (problem: string) => void,
): TraceSettings["sampler"] {
  const share = Number(argument ?? 1);
  const isShare = share >= 0 && share <= 1;
  const ratio = isShare ? share : 1;
  if (name?.endsWith("traceidratio") && !isShare)
    warn(`OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1, not '${argument}'. All traces are sent.`);
  switch (name) {
    case undefined:
    case "parentbased_always_on":
      return { share: 1, heedsClient: true };
    case "parentbased_always_off":
      return { share: 0, heedsClient: true };
    case "parentbased_traceidratio":
      return { share: ratio, heedsClient: true };
    case "always_on":
      return { share: 1, heedsClient: false };
    case "always_off":
      return { share: 0, heedsClient: false };
    case "traceidratio":
      return { share: ratio, heedsClient: false };
    default:
      warn(`OTEL_TRACES_SAMPLER: '${name}' is not known; all traces are recorded unless their clients say otherwise.`);
      return { share: 1, heedsClient: true };
  }
}
