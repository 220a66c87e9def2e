import { describe, expect, it } from "vitest";
import { readTraceSettings } from "../../../src/telemetry/traces/environment.ts";

function read(env: Readonly<Record<string, string>>) {
  const warnings: string[] = [];
  return { settings: readTraceSettings(env, (problem) => warnings.push(problem)), warnings };
}

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" };

describe("traces", () => {
  it.each([
    ["nothing is said", {}],
    ["the exporter is none", { ...ENDPOINT, OTEL_TRACES_EXPORTER: "none" }],
    ["all of OpenTelemetry is off", { ...ENDPOINT, OTEL_SDK_DISABLED: "TRUE" }],
    ["the endpoint is empty", { OTEL_EXPORTER_OTLP_ENDPOINT: " " }],
  ])("are not told where %s", (_, env) => {
    expect(read(env)).toEqual({ settings: undefined, warnings: [] });
  });

  it.each([
    ["an endpoint is named", ENDPOINT],
    ["an endpoint for traces is named", { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://127.0.0.1:1" }],
    ["the exporter is otlp", { OTEL_TRACES_EXPORTER: "otlp" }],
  ])("are told, all of them and without content, where %s", (_, env) => {
    expect(read(env)).toEqual({
      settings: { encoding: "protobuf", sampler: { share: 1, heedsClient: true }, batch: {}, withContent: false },
      warnings: [],
    });
  });

  it("follow the variables for encoding, sampling, batches and content", () => {
    const { settings, warnings } = read({
      ...ENDPOINT,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_TRACES_SAMPLER: "traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.25",
      OTEL_BSP_SCHEDULE_DELAY: "100",
      OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "true",
    });
    expect(settings).toEqual({
      encoding: "json",
      sampler: { share: 0.25, heedsClient: false },
      batch: { scheduledDelayMillis: 100 },
      withContent: true,
    });
    expect(warnings).toEqual([]);
  });

  it.each([
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"],
    ["OTEL_TRACES_SAMPLER", "jaeger_remote"],
    ["OTEL_BSP_SCHEDULE_DELAY", "soon"],
    ["OTEL_BSP_MAX_QUEUE_SIZE", "-1"],
  ])("keep the default and warn where %s is %s", (name, value) => {
    const { settings, warnings } = read({ ...ENDPOINT, [name]: value });
    expect(settings).toEqual(read(ENDPOINT).settings);
    expect(warnings).toEqual([expect.stringContaining(name)]);
  });

  it.each(["localhost:4318", "nonsense", "ftp://user:secret@host"])(
    "are not told where the endpoint is %s, and the warning doesn't repeat it",
    (endpoint) => {
      const { settings, warnings } = read({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
      expect(settings).toBeUndefined();
      expect(warnings).toEqual([expect.stringContaining("http://localhost:4318")]);
      expect(warnings.join()).not.toContain("secret");
    },
  );

  it("warn of a share that is none, and of an exporter that is not known", () => {
    expect(read({ ...ENDPOINT, OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "2" })).toMatchObject({
      settings: { sampler: { share: 1 } },
      warnings: [expect.stringContaining("_ARG")],
    });
    expect(read({ OTEL_TRACES_EXPORTER: "zipkin" })).toEqual({
      settings: undefined,
      warnings: [expect.stringContaining("zipkin")],
    });
  });
});
