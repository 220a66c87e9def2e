import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { z } from "zod";
import { CHART, digestOfChart, headOf, RENDERED } from "../../scripts/chart/digest.ts";
import { loadConfig } from "../../src/config/load.ts";
import { FAMILIES } from "../../src/telemetry/metrics/families.ts";

const anything = z.looseObject({});
const named = z.object({ name: z.string() });
const labels = z.record(z.string(), z.string());
const probe = z.object({ httpGet: z.object({ path: z.string(), port: z.literal("http") }) });

const configMap = z.object({
  kind: z.literal("ConfigMap"),
  metadata: named,
  data: z.object({ "sluice.yaml": z.string() }),
});
const deployment = z.object({
  kind: z.literal("Deployment"),
  metadata: named,
  spec: z.object({
    selector: z.object({ matchLabels: labels }),
    template: z.object({
      metadata: z.object({ labels, annotations: labels }),
      spec: z.object({
        terminationGracePeriodSeconds: z.int(),
        automountServiceAccountToken: z.literal(false),
        securityContext: z.looseObject({ runAsNonRoot: z.literal(true) }),
        containers: z.tuple([
          z.object({
            args: z.array(z.string()),
            ports: z.array(z.object({ name: z.string(), containerPort: z.int() })),
            env: z.array(z.looseObject({ name: z.string() })),
            startupProbe: probe,
            livenessProbe: probe,
            readinessProbe: probe,
            securityContext: z.looseObject({
              readOnlyRootFilesystem: z.literal(true),
              allowPrivilegeEscalation: z.literal(false),
            }),
            volumeMounts: z.array(
              z.object({ name: z.string(), mountPath: z.string(), readOnly: z.boolean().optional() }),
            ),
          }),
        ]),
        volumes: z.array(z.looseObject({ name: z.string() })),
      }),
    }),
  }),
});
const service = z.object({
  kind: z.literal("Service"),
  spec: z.object({ selector: labels, ports: z.array(z.object({ targetPort: z.string() })) }),
});
const scaledObject = z.object({
  kind: z.literal("ScaledObject"),
  spec: z.object({
    scaleTargetRef: named,
    minReplicaCount: z.int(),
    maxReplicaCount: z.int(),
    triggers: z.tuple([
      z.object({ type: z.literal("prometheus"), metadata: z.object({ query: z.string(), threshold: z.string() }) }),
    ]),
  }),
});

const files = readdirSync(RENDERED).sort();
const rendered = files.map((file) => {
  const text = readFileSync(join(RENDERED, file), "utf8");
  const documents: unknown[] = parseAllDocuments(text).map((document) => document.toJS());
  const find = <T extends z.ZodType>(schema: T): z.infer<T> => {
    const kind = anything.parse(z.toJSONSchema(schema)).properties;
    const wanted = z.looseObject({ kind: z.looseObject({ const: z.string() }) }).parse(kind).kind.const;
    return schema.parse(documents.find((document) => anything.parse(document).kind === wanted));
  };
  return { file, text, documents, find };
});

/** The settings that a gateway of the chart has. */
function settingsOf(text: string, environment: Readonly<Record<string, string>> = {}) {
  return loadConfig({
    ...{ flags: { config: "sluice.yaml" }, env: environment, cwd: "/nowhere" },
    readFile: () => new TextEncoder().encode(text),
  }).config;
}

describe("what the chart renders", () => {
  it("is recorded for each of its files of values, as the chart is now (`npm run chart`)", () => {
    expect(files).toEqual(readdirSync(join(CHART, "values")).sort());
    for (const { text } of rendered) expect(text.startsWith(headOf(digestOfChart()))).toBe(true);
  });

  it.each(rendered)("has settings that a gateway takes: $file", ({ find }) => {
    const { host, port, upstreams, metrics } = settingsOf(find(configMap).data["sluice.yaml"], {
      SLUICE_REDIS_URL: "redis://valkey:6379",
      SLUICE_API_KEY: "0123456789abcdef",
    });
    expect({ host, port, metrics }).toEqual({ host: "0.0.0.0", port: 8080, metrics: "open" });
    // A name within a cluster leads to a private address.
    expect(upstreams.length).toBeGreaterThan(0);
    for (const upstream of upstreams) expect(upstream.allowPrivate).toBe(true);
  });

  it.each(rendered)("gives a pod time to leave and to end its requests: $file", ({ find }) => {
    const { drainDelayMs, shutdownGraceMs } = settingsOf(find(configMap).data["sluice.yaml"]);
    const { terminationGracePeriodSeconds } = find(deployment).spec.template.spec;
    expect(drainDelayMs).toBeGreaterThan(0);
    // What it takes to free everything comes on top.
    expect(terminationGracePeriodSeconds * 1_000).toBeGreaterThanOrEqual(drainDelayMs + shutdownGraceMs + 6_000);
  });

  it.each(rendered)("probes what tells of life and readiness, at the port that is listened on: $file", ({ find }) => {
    const { containers, volumes } = find(deployment).spec.template.spec;
    const [{ ports, startupProbe, livenessProbe, readinessProbe, volumeMounts }] = containers;
    const { port } = settingsOf(find(configMap).data["sluice.yaml"]);
    expect(ports).toEqual([{ name: "http", containerPort: port }]);
    const paths = [startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet.path);
    expect(paths).toEqual(["/health", "/health", "/ready"]);
    expect(volumeMounts.map(({ name }) => name).sort()).toEqual(volumes.map(({ name }) => name).sort());
  });

  it.each(rendered)(
    "writes only where its volumes are, and reads its settings from where they are: $file",
    ({ find }) => {
      const [{ args, volumeMounts }] = find(deployment).spec.template.spec.containers;
      const { stateFile, modelsDir } = settingsOf(find(configMap).data["sluice.yaml"]);
      const writable = volumeMounts.filter(({ readOnly }) => readOnly !== true).map(({ mountPath }) => `${mountPath}/`);
      for (const path of [stateFile, modelsDir]) expect(writable.some((folder) => path.startsWith(folder))).toBe(true);
      expect(args).toEqual(["serve", "--config", "/etc/sluice/sluice.yaml"]);
    },
  );

  it.each(rendered)(
    "sends the Service's requests to its pods, which pickers take for what they are: $file",
    ({ find }) => {
      const { selector, template } = find(deployment).spec;
      expect(template.metadata.labels).toMatchObject(selector.matchLabels);
      expect(find(service).spec.selector).toEqual(selector.matchLabels);
      expect(template.metadata.labels["llm-d.ai/engine-type"]).toBe("vllm");
    },
  );

  it.each(rendered)("has no secret in it: $file", ({ find, text }) => {
    const [{ env }] = find(deployment).spec.template.spec.containers;
    for (const { name, value } of env) if (/KEY|URL/.test(name)) expect(value).toBeUndefined();
    expect(text).not.toMatch(/redis:\/\/[^\s"]*@/);
  });

  it.each(rendered)("scales by a metric that exists: $file", ({ find }) => {
    const { scaleTargetRef, minReplicaCount, maxReplicaCount, triggers } = find(scaledObject).spec;
    const [{ metadata }] = triggers;
    const metric = /(sluice_\w+)\{/.exec(metadata.query)?.[1];
    expect(FAMILIES.map(({ name }) => name)).toContain(metric);
    expect(scaleTargetRef.name).toBe(find(deployment).metadata.name);
    expect(minReplicaCount).toBeLessThanOrEqual(maxReplicaCount);
    expect(Number(metadata.threshold)).toBeGreaterThan(0);
  });

  it("names nothing in its values that it doesn't use", () => {
    const templates = readdirSync(join(CHART, "templates")).map((file) =>
      readFileSync(join(CHART, "templates", file), "utf8"),
    );
    const values = anything.parse(parse(readFileSync(join(CHART, "values.yaml"), "utf8")));
    for (const key of Object.keys(values)) expect(templates.join("\n")).toContain(`.Values.${key}`);
  });
});
