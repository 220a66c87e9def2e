/** The progress of a download. */
export type Progress = {
  readonly phase: "connecting" | "downloading" | "verifying" | "extracting" | "waiting";
  /** The source in words, such as `hf:owner/repo:Q8_0 (huggingface.co)`. */
  readonly source: string;
  /** The bytes done in this phase, including those of an earlier run. */
  readonly receivedBytes: number;
  /** Absent while unknown. */
  readonly totalBytes?: number;
  /** Over the last five seconds; absent until there is enough data. */
  readonly bytesPerSecond?: number;
  readonly etaMs?: number;
};

export type ProgressReporter = {
  /** Reports a phase and its amount. New amounts are passed on at most ten times a second, a new phase at once. */
  readonly report: (phase: Progress["phase"], receivedBytes?: number, totalBytes?: number) => void;
};

const WINDOW_MS = 5_000;
const MIN_INTERVAL_MS = 100;
/** The shortest time for a rate, which would fluctuate too much otherwise. */
const MIN_RATE_SPAN_MS = 500;

/** Turns amounts into `Progress` with rate and time left. `now` is a monotonic clock in ms. */
export function createProgressReporter(
  source: string,
  onProgress: ((progress: Progress) => void) | undefined,
  now: () => number,
): ProgressReporter {
  let samples: { readonly at: number; readonly bytes: number }[] = [];
  let lastPhase: Progress["phase"] | undefined;
  let lastAt = Number.NEGATIVE_INFINITY;

  const rate = (): number | undefined => {
    const first = samples[0];
    const last = samples.at(-1);
    if (first === undefined || last === undefined || last.at - first.at < MIN_RATE_SPAN_MS) return undefined;
    return ((last.bytes - first.bytes) / (last.at - first.at)) * 1000;
  };

  return {
    report(phase, receivedBytes = 0, totalBytes) {
      const at = now();
      const isDone = totalBytes !== undefined && receivedBytes >= totalBytes;
      if (phase !== lastPhase) samples = [];
      if (phase === lastPhase && !isDone && at - lastAt < MIN_INTERVAL_MS) return;
      // Fewer bytes than before: the download was restarted.
      if (receivedBytes < (samples.at(-1)?.bytes ?? 0)) samples = [];
      samples.push({ at, bytes: receivedBytes });
      samples = samples.filter((sample) => at - sample.at <= WINDOW_MS);
      lastPhase = phase;
      lastAt = at;

      const bytesPerSecond = rate();
      const left = totalBytes === undefined ? undefined : Math.max(0, totalBytes - receivedBytes);
      const knowsEta = left !== undefined && bytesPerSecond !== undefined && bytesPerSecond > 0;
      onProgress?.({
        phase,
        source,
        receivedBytes,
        ...(totalBytes !== undefined && { totalBytes }),
        ...(bytesPerSecond !== undefined && { bytesPerSecond }),
        ...(knowsEta && { etaMs: (left / bytesPerSecond) * 1000 }),
      });
    },
  };
}
