import { readFileSync } from "node:fs";
import { parser } from "@prometheus-io/lezer-promql";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { FAMILIES } from "../../src/telemetry/metrics/families.ts";

const read = (path: string) => readFileSync(new URL(`../../deploy/${path}`, import.meta.url), "utf8");

const dashboard = z
  .looseObject({
    panels: z.array(
      z.looseObject({
        title: z.string(),
        targets: z.array(z.looseObject({ expr: z.string(), legendFormat: z.string() })).default([]),
        gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
      }),
    ),
    annotations: z.looseObject({ list: z.array(z.looseObject({ expr: z.string() })) }),
  })
  .parse(JSON.parse(read("grafana/sluice.json")));
const rules = z
  .object({
    groups: z.array(
      z.object({
        name: z.string(),
        rules: z.array(
          z.looseObject({
            alert: z.string(),
            expr: z.string(),
            annotations: z.object({ summary: z.string(), description: z.string() }),
          }),
        ),
      }),
    ),
  })
  .parse(parse(read("prometheus/rules.yaml")))
  .groups.flatMap((group) => group.rules);

/** What Prometheus itself adds. */
const ADDED = ["up", "instance", "job", "le"];
/** Grafana puts the length of a panel's steps there. */
const grafana = (expr: string) => expr.replaceAll("$__rate_interval", "5m");

const ALL: readonly (readonly [where: string, expr: string])[] = [
  ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, grafana(expr)] as const)),
  ...dashboard.annotations.list.map(({ expr }) => ["annotation", expr] as const),
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
];

/** The names of metrics and labels in an expression, and whether it is none. */
function namesIn(expr: string) {
  const [metrics, labels]: [string[], string[]] = [[], []];
  let isWrong = false;
  parser.parse(expr).iterate({
    enter({ name, from, to, type }) {
      isWrong ||= type.isError;
      if (name === "Identifier") metrics.push(expr.slice(from, to));
      if (name === "LabelName") labels.push(expr.slice(from, to));
    },
  });
  return { metrics, labels, isWrong };
}

const familyOf = (metric: string) =>
  FAMILIES.find(
    ({ name, type }) =>
      name === metric || (type === "histogram" && /_(bucket|sum|count)$/.test(metric) && metric.startsWith(name)),
  );

describe("the dashboard and the alerts", () => {
  it.each(ALL)("ask for metrics and labels that are there: %s, %s", (_, expr) => {
    const { metrics, labels, isWrong } = namesIn(expr);
    expect(isWrong).toBe(false);
    expect(metrics.length).toBeGreaterThan(0);
    for (const metric of metrics) expect(ADDED.includes(metric) || familyOf(metric), metric).toBeTruthy();
    const known = metrics.flatMap((metric) => familyOf(metric)?.labels ?? []);
    for (const label of labels) expect([...ADDED, ...known], label).toContain(label);
  });

  it("notice an expression that is none, and a metric that isn't there", () => {
    expect(namesIn("sum by (model (sluice_slots)").isWrong).toBe(true);
    expect(familyOf("sluice_slotz")).toBeUndefined();
    expect(familyOf("sluice_slots_bucket")).toBeUndefined();
  });

  it("show every metric of Sluice's own but its version", () => {
    const shown = new Set(ALL.flatMap(([, expr]) => namesIn(expr).metrics.map((metric) => familyOf(metric)?.name)));
    const own = FAMILIES.map(({ name }) => name).filter((name) => name.startsWith("sluice_"));
    expect(own.filter((name) => !shown.has(name))).toEqual(["sluice_build_info"]);
  });

  it("name only labels in legends and messages that the expressions give", () => {
    for (const { targets } of dashboard.panels) {
      for (const { expr, legendFormat } of targets) {
        const known = [
          ...ADDED,
          ...namesIn(grafana(expr)).labels,
          ...namesIn(grafana(expr)).metrics.flatMap((one) => familyOf(one)?.labels ?? []),
        ];
        for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect(known).toContain(label);
      }
    }
    for (const { expr, annotations } of rules) {
      const known = [...ADDED, ...namesIn(expr).metrics.flatMap((one) => familyOf(one)?.labels ?? [])];
      for (const [, label] of Object.values(annotations)
        .join()
        .matchAll(/\$labels\.(\w+)/g))
        expect(known).toContain(label);
    }
  });

  it("lie side by side, none over another", () => {
    const places = dashboard.panels.map(({ gridPos }) => gridPos);
    for (const [index, a] of places.entries()) {
      expect(a.x + a.w).toBeLessThanOrEqual(24);
      for (const b of places.slice(index + 1)) {
        const isApart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
        expect(isApart, JSON.stringify([a, b])).toBe(true);
      }
    }
  });
});
