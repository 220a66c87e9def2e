import type { Report } from "../../store/comparison-report.ts";
import { findFront, placeModels, type Spot } from "./pareto.ts";

const WIDTH = 720;
const HEIGHT = 440;
const LEFT = 76;
const RIGHT = 24;
const TOP = 72;
const BOTTOM = 64;
const TICKS = 5;

/** The height of a line of labels. */
const LINE = 15;
const CHARACTER = 6.6;

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #1f2430; }
  .title { font-size: 15px; font-weight: 600; }
  .quiet { fill: #5b6270; }
  .axis, .grid { stroke: #d5d8de; }
  .front { fill: none; stroke: #1769c2; stroke-width: 1.5; stroke-dasharray: 5 4; }
  .spot { fill: #8a93a3; }
  .best { fill: #1769c2; }
  .taken { fill: none; stroke: #1769c2; stroke-width: 2; }
  .ground { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e7e9ee; }
    .quiet { fill: #a4abb8; }
    .axis, .grid { stroke: #3a404c; }
    .front, .taken { stroke: #6cb0ff; }
    .best { fill: #6cb0ff; }
    .ground { fill: #171a21; }
  }`;

/** A picture of a comparison: how good each model is against how fast it generates. Better is up and faster is right; the front is a line. */
export function drawReport(report: Report): string {
  const { measure, spots } = placeModels(report.models);
  const front = findFront(spots);
  const speeds = niceScale(0, (Math.max(...spots.map(({ speed }) => speed)) || 1) * 1.08);
  const losses = spots.map(({ loss }) => loss);
  const isFromZero = measure === "divergence";
  const span = Math.max(...losses) - Math.min(...losses);
  const scale = niceScale(
    isFromZero ? 0 : Math.max(0, Math.min(...losses) - span * 0.2),
    Math.max(...losses) + Math.max(span * 0.12, 1e-6),
  );
  const x = (speed: number) => LEFT + ((speed - speeds.from) / (speeds.to - speeds.from)) * (WIDTH - LEFT - RIGHT);
  const y = (loss: number) => TOP + ((loss - scale.from) / (scale.to - scale.from)) * (HEIGHT - TOP - BOTTOM);
  const label = isFromZero ? `KL divergence from ${report.reference} (nats)` : "bits per byte of the text";
  const title = report.verdict.take === null ? "No model stands out" : `Take ${report.verdict.take}`;
  const context = report.models.find(({ points }) => points.length > 0)?.points.at(-1)?.tokens;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${escapeText(report.verdict.sentence)}">`,
    `<style>${STYLE}</style>`,
    `<rect class="ground" width="${WIDTH}" height="${HEIGHT}" rx="8"/>`,
    `<text class="title" x="${LEFT}" y="24">${escapeText(title)}</text>`,
    `<text class="quiet" x="${LEFT}" y="42">${escapeText(`${label}, less is better`)}${report.isQuiet ? "" : " · measured beside other programs"}</text>`,
    ...scale.ticks.map(
      (tick) =>
        `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${fix(y(tick))}" y2="${fix(y(tick))}"/>` +
        `<text class="quiet" text-anchor="end" x="${LEFT - 8}" y="${fix(y(tick) + 4)}">${showTick(tick, scale.step)}</text>`,
    ),
    ...speeds.ticks.map(
      (tick) =>
        `<line class="axis" x1="${fix(x(tick))}" x2="${fix(x(tick))}" y1="${HEIGHT - BOTTOM}" y2="${HEIGHT - BOTTOM + 5}"/>` +
        `<text class="quiet" text-anchor="middle" x="${fix(x(tick))}" y="${HEIGHT - BOTTOM + 20}">${showTick(tick, speeds.step)}</text>`,
    ),
    `<text class="quiet" text-anchor="middle" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 18}">tokens generated per second${context === undefined ? "" : ` at ${context} tokens of context`}, more is better</text>`,
    front.length > 1
      ? `<polyline class="front" points="${front.map(({ speed, loss }) => `${fix(x(speed))},${fix(y(loss))}`).join(" ")}"/>`
      : "",
    ...spots.map((spot) => drawSpot(spot, x(spot.speed), y(spot.loss), front.includes(spot), report.verdict.take)),
    ...placeLabels(spots.map((spot) => ({ text: spot.id, x: x(spot.speed), y: y(spot.loss) }))),
    "</svg>",
    "",
  ].join("\n");
}

function drawSpot({ id }: Spot, x: number, y: number, isBest: boolean, taken: string | null): string {
  const ring = id === taken ? `<circle class="taken" cx="${fix(x)}" cy="${fix(y)}" r="9"/>` : "";
  return `<circle class="${isBest ? "best" : "spot"}" cx="${fix(x)}" cy="${fix(y)}" r="5"/>${ring}`;
}

/** Names beside their spots, inside the picture, each moved down until it covers no other name and no spot. */
function placeLabels(labels: readonly { readonly text: string; readonly x: number; readonly y: number }[]): string[] {
  const placed: { readonly left: number; readonly right: number; readonly y: number }[] = [];
  return labels
    .toSorted((a, b) => a.y - b.y)
    .map(({ text, x, y }) => {
      const width = text.length * CHARACTER;
      const isRight = x + 14 + width <= WIDTH - RIGHT;
      const left = isRight ? x + 14 : Math.max(4, x - 14 - width);
      const covers = (at: number) =>
        placed.some((other) => left < other.right && left + width > other.left && Math.abs(other.y - at) < LINE) ||
        labels.some(
          (spot) => spot.x !== x && spot.x > left - 8 && spot.x < left + width + 8 && Math.abs(spot.y + 4 - at) < 10,
        );
      let at = y + 4;
      while (covers(at) && at < HEIGHT - BOTTOM) at += 3;
      placed.push({ left, right: left + width, y: at });
      return `<text x="${fix(left)}" y="${fix(at)}">${escapeText(text)}</text>`;
    });
}

/** An axis that ends at round numbers. */
function niceScale(
  least: number,
  most: number,
): { readonly from: number; readonly to: number; readonly step: number; readonly ticks: readonly number[] } {
  const rough = Math.max(most - least, 1e-9) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const from = Math.floor(least / step) * step;
  const to = Math.ceil(most / step) * step;
  const count = Math.round((to - from) / step);
  return { from, to, step, ticks: Array.from({ length: count + 1 }, (_, index) => from + index * step) };
}

function showTick(value: number, step: number): string {
  return value.toFixed(Math.max(0, Math.min(8, -Math.floor(Math.log10(step) + 1e-9))));
}

function fix(value: number): string {
  return value.toFixed(1);
}

function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`).replace(/\p{Cc}/gu, " ");
}
