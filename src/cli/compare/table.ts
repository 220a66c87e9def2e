import type { ModelReport, Report } from "../../store/comparison-report.ts";
import { wrapSpans } from "../chat/wrap.ts";
import { escapeAllButLayout, escapeControls } from "../controls.ts";
import { formatTable } from "../table.ts";
import { formatBytes } from "../units.ts";
import type { Estimate } from "./statistics.ts";
import { formatPercent } from "./verdict.ts";

/**
 * What a command prints of a comparison.
 *
 * @param columns the terminal's; a wider table is printed in lines of a heading and a value, model by model
 */
export function formatReport(report: Report, columns = Number.POSITIVE_INFINITY): string {
  const { models, text, reference, machine, repeats } = report;
  const parts = [
    fitTable([sizeHeading(models), ...models.map((model) => sizeRow(model, models))], columns),
    models.some(({ points }) => points.length > 0)
      ? fitTable([speedHeading(models), ...models.map((model) => speedRow(model, models))], columns)
      : "",
    models.some(({ quality }) => quality !== undefined)
      ? fitTable(
          [
            ["MODEL", "PERPLEXITY", "ABOVE THE BEST", "BITS/BYTE", `KL OF ${reference}`, "SAME TOP TOKEN"],
            ...models.map(qualityRow),
          ],
          columns,
        )
      : "",
    models.some(({ presets }) => presets !== undefined)
      ? fitTable([["MODEL", "PRESETS", "CASES"], ...models.map(presetRow)], columns)
      : "",
  ].filter((part) => part !== "");
  const notes = models.flatMap(({ id, notes }) => notes.map((note) => `${id}: ${note}`));
  const facts = [
    `${machine.processor}, ${machine.threads} of ${machine.cores} cores, ${machine.backend}, llama.cpp ${machine.release}. Rates are medians of ${repeats}, in tokens per second.`,
    text.scored > 0 ? `${text.name}: ${text.scored} tokens scored. Brackets have intervals of 95 %.` : "",
    describeDisturbance(report),
    ...notes,
  ].filter((line) => line !== "");
  const lines = (text: string) => wrap(text, columns).join("\n");
  const verdict = report.verdict.sentence.replace(/^t/, "T");
  // Names of files may hold anything.
  return escapeAllButLayout(`${parts.join("\n")}\n${facts.map(lines).join("\n")}\n\n${lines(verdict)}\n`);
}

/** Empty if the machine was quiet. */
function describeDisturbance({ disturbance, isQuiet }: Pick<Report, "disturbance" | "isQuiet">): string {
  const { busyShare, loadAverage, gateway } = disturbance;
  const beside = gateway === undefined ? "" : ` A gateway runs at ${gateway}.`;
  if (isQuiet) return beside === "" ? "" : `${beside.trim()} It was idle when this began.`;
  return `NOT QUIET: other programs took ${formatPercent(busyShare)} of the processor, load ${loadAverage.toFixed(1)}.${beside} The rates are too low.`;
}

function sizeHeading(models: readonly ModelReport[]): readonly string[] {
  return [
    ...["MODEL", "FILE", "BITS/WEIGHT"],
    ...(models.some(({ memoryBytes }) => memoryBytes !== undefined) ? ["MEMORY"] : []),
    "LOAD",
    ...(models.some(({ joules }) => joules !== undefined) ? ["J/1000 TOKENS"] : []),
  ];
}

function sizeRow(model: ModelReport, models: readonly ModelReport[]): readonly string[] {
  const { id, sizeBytes, bitsPerWeight, memoryBytes, loadMs, joules } = model;
  return [
    ...[id, formatBytes(sizeBytes), bitsPerWeight.toFixed(2)],
    ...(models.some((each) => each.memoryBytes !== undefined)
      ? [memoryBytes === undefined ? "" : formatBytes(memoryBytes)]
      : []),
    `${(loadMs / 1000).toFixed(2)} s`,
    ...(models.some((each) => each.joules !== undefined) ? [joules === undefined ? "" : joules.toFixed(0)] : []),
  ];
}

function contextsOf(models: readonly ModelReport[]): readonly number[] {
  return [...new Set(models.flatMap(({ points }) => points.map(({ tokens }) => tokens)))].toSorted((a, b) => a - b);
}

function speedHeading(models: readonly ModelReport[]): readonly string[] {
  const contexts = contextsOf(models);
  return ["MODEL", ...contexts.map((each) => `PREFILL ${each}`), ...contexts.map((each) => `DECODE ${each}`)];
}

function speedRow({ id, points }: ModelReport, models: readonly ModelReport[]): readonly string[] {
  const at = (tokens: number) => points.find((each) => each.tokens === tokens);
  const show = (rate: Estimate | undefined) => (rate === undefined ? "" : rate.value.toFixed(rate.value < 100 ? 1 : 0));
  const contexts = contextsOf(models);
  return [id, ...contexts.map((each) => show(at(each)?.prefill)), ...contexts.map((each) => show(at(each)?.decode))];
}

function qualityRow({ id, quality }: ModelReport): readonly string[] {
  if (quality === undefined) return [id];
  const { perplexity, rise, bitsPerByte, divergence, agreement } = quality;
  return [
    ...[id, showInterval(perplexity, (value) => value.toFixed(2))],
    rise.value === 0 ? "the best" : showInterval(rise, (value) => (value * 100).toFixed(1), " %"),
    bitsPerByte.value.toFixed(3),
    divergence === undefined ? "" : showInterval(divergence, showNats),
    agreement === undefined ? "" : showInterval(agreement, (value) => (value * 100).toFixed(1), " %"),
  ];
}

function showNats(nats: number): string {
  return nats === 0 ? "0" : nats.toFixed(nats < 0.01 ? 5 : nats < 1 ? 4 : 2);
}

function showInterval({ value, low, high }: Estimate, show: (value: number) => string, unit = ""): string {
  return low === high ? `${show(value)}${unit}` : `${show(value)}${unit} [${show(low)}, ${show(high)}]`;
}

function presetRow({ id, presets }: ModelReport): readonly string[] {
  if (presets === undefined) return [id];
  const { share, low, high, passed, cases } = presets;
  return [
    id,
    showInterval({ value: share, low, high }, (value) => (value * 100).toFixed(0), " %"),
    `${passed} of ${cases}`,
  ];
}

function fitTable([heading = [], ...rows]: readonly (readonly string[])[], columns: number): string {
  const table = formatTable([heading, ...rows], [...heading.keys()].slice(1));
  if (table.split("\n").every((line) => line.length <= columns)) return table;
  const lines = rows.flatMap(([id = "", ...cells]) => [
    ...wrap(id, columns),
    ...cells.flatMap((cell, index) =>
      cell === "" ? [] : wrap(`${heading[index + 1]}: ${cell}`, columns - 2).map((line) => `  ${line}`),
    ),
  ]);
  return `${lines.join("\n")}\n`;
}

function wrap(text: string, columns: number): readonly string[] {
  return Number.isFinite(columns)
    ? wrapSpans([{ text: escapeControls(text) }], Math.max(1, columns), (_, words) => words)
    : [text];
}
