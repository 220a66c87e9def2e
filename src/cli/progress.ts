import { SingleBar } from "cli-progress";
import type { Progress } from "../models/index.ts";
import type { Output } from "./context.ts";
import { formatBytes, formatDuration } from "./units.ts";

export type ProgressView = {
  update(progress: Progress): void;
  /** Restores the terminal. */
  stop(): void;
};

/** How often the bar is redrawn in a second. */
const FRAMES_PER_SECOND = 10;
const BAR_CELLS = 24;
/** Outside a terminal, a line is printed each time this many percent are done, but not sooner than this after the last … */
const PLAIN_STEP_PERCENT = 10;
const PLAIN_MIN_INTERVAL_MS = 2_000;
/** … and after so long in any case, so that a slow line does not look like a stop. */
const PLAIN_MAX_INTERVAL_MS = 60_000;

/** Shows one model's arrival on `output`: as a bar on a terminal, elsewhere as a few plain lines. Nothing shows before the first update. */
export function showProgress(output: Output, name: string, now: () => number = Date.now): ProgressView {
  return output.isTTY ? showBar(output, name) : showLines(output, name, now);
}

/** The bar's line, `columns` characters at most: the name, the phase, and as much as is known and fits. */
export function formatBarLine(name: string, progress: Progress, columns: number): string {
  const share = shareOf(progress);
  const figures = describeFigures(progress);
  const head = `${name}  ${describePhase(progress)}`;
  if (share === undefined) return joinWithin([head, figures], columns);
  const filled = Math.floor(share * BAR_CELLS);
  const bar = `${"█".repeat(filled)}${"░".repeat(BAR_CELLS - filled)}`;
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  const whole = [head, bar, percent, figures];
  // On a narrow terminal the figures say more than the bar.
  return joinWithin(whole.join("  ").length <= columns ? whole : [head, percent, figures], columns);
}

/** A line for a log file: `smollm2-135m-instruct: downloading 30% (28.1 MiB of 93.8 MiB, 12.1 MiB/s, 6 s left)`. */
export function formatPlainLine(name: string, progress: Progress): string {
  const share = shareOf(progress);
  const figures = describeFigures(progress);
  const percent = share === undefined ? "" : ` ${Math.floor(share * 100)}%`;
  return `${name}: ${describePhase(progress)}${percent}${figures === "" ? "" : ` (${figures})`}`;
}

function describePhase({ phase, source }: Progress): string {
  switch (phase) {
    case "connecting":
      return `connecting to ${source}`;
    case "waiting":
      return "waiting for another download of it to end";
    case "downloading":
    case "extracting":
    case "verifying":
      return phase;
  }
}

function shareOf({ receivedBytes, totalBytes, phase }: Progress): number | undefined {
  if (phase === "connecting" || phase === "waiting" || !totalBytes) return undefined;
  return Math.min(1, receivedBytes / totalBytes);
}

function describeFigures({ phase, receivedBytes, totalBytes, bytesPerSecond, etaMs }: Progress): string {
  if (phase === "connecting" || phase === "waiting") return "";
  const figures = [
    totalBytes ? `${formatBytes(receivedBytes)} of ${formatBytes(totalBytes)}` : formatBytes(receivedBytes),
  ];
  if (bytesPerSecond) figures.push(`${formatBytes(bytesPerSecond)}/s`);
  if (etaMs && Number.isFinite(etaMs)) figures.push(`${formatDuration(etaMs)} left`);
  return figures.join(", ");
}

function joinWithin(parts: readonly string[], columns: number): string {
  const line = parts.filter((part) => part !== "").join("  ");
  return line.length > columns ? `${line.slice(0, Math.max(0, columns - 1))}…` : line;
}

function showBar(output: Output, name: string): ProgressView {
  let latest: Progress | undefined;
  const bar = new SingleBar({
    // One column stays free: a character in the last one makes some terminals wrap.
    format: () => (latest === undefined ? "" : formatBarLine(name, latest, (output.columns ?? 80) - 1)),
    stream: output,
    fps: FRAMES_PER_SECOND,
    // These change the terminal's state, which a process that is killed can't give back.
    hideCursor: false,
    linewrap: true,
    // Signals are the command's business.
    gracefulExit: false,
    clearOnComplete: true,
  });
  return {
    update(progress) {
      if (latest === undefined) bar.start(1, 0);
      latest = progress;
    },
    stop() {
      bar.stop();
    },
  };
}

function showLines(output: Output, name: string, now: () => number): ProgressView {
  let shown: { readonly what: string; readonly step: number; readonly at: number } | undefined;
  return {
    update(progress) {
      const what = `${progress.phase} ${progress.source}`;
      const step = Math.floor(((shareOf(progress) ?? 0) * 100) / PLAIN_STEP_PERCENT);
      const at = now();
      if (shown?.what === what) {
        const intervalMs = shown.step === step ? PLAIN_MAX_INTERVAL_MS : PLAIN_MIN_INTERVAL_MS;
        if (at - shown.at < intervalMs) return;
      }
      shown = { what, step, at };
      output.write(`${formatPlainLine(name, progress)}\n`);
    },
    stop() {},
  };
}
