import { fork } from "node:child_process";
import { type EventEmitter, once } from "node:events";
import { extname } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { GpuChoice } from "../contract/messages.ts";
import { type InspectionReport, inspectionReportSchema, type Libraries } from "../inspect/report.ts";
import { describeDeath } from "./errors.ts";
import { createWorkerOutput } from "./worker-output.ts";

/** A driver that hangs must not hold up whoever asks. The first use of a GPU may well take half a minute. */
const TIMEOUT_MS = 60_000;

/** What became of one try to open llama.cpp. `crashed`: its process ended without a word, for this reason. */
export type Inspection =
  | InspectionReport
  | { readonly type: "crashed"; readonly reason: string; readonly lastLines: readonly string[] };

/** What is used of the process that tries it, so that a test can put something simpler in its place. */
type InspectorChild = EventEmitter & {
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  kill(signal: "SIGKILL"): boolean;
};

/** Starts the process that tries it. */
type ForkInspector = (choice: GpuChoice, libraries: Libraries | undefined) => InspectorChild;

const inspectorPath = fileURLToPath(new URL(`../inspect/main${extname(import.meta.url)}`, import.meta.url));

const forkInspector: ForkInspector = (choice, libraries) =>
  fork(inspectorPath, [choice, ...(libraries === undefined ? [] : [JSON.stringify(libraries)])], {
    execArgv: [],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });

/**
 * Opens llama.cpp with this choice of `--gpu` in a process of its own, and says what it found. Where it doesn't open, `libraries` are
 * tried one by one, so that the report can name what is missing. Never throws: a crash and a hang are findings too.
 */
export async function inspectBackend(
  choice: GpuChoice,
  libraries?: Libraries,
  { spawn = forkInspector, timeoutMs = TIMEOUT_MS }: { spawn?: ForkInspector; timeoutMs?: number } = {},
): Promise<Inspection> {
  const child = spawn(choice, libraries);
  const output = createWorkerOutput(() => {});
  output.follow(child.stdout);
  output.follow(child.stderr);
  let report: InspectionReport | undefined;
  let reason: string | undefined;
  child.on("message", (message) => {
    const parsed = inspectionReportSchema.safeParse(message);
    if (parsed.success) report = parsed.data;
    else reason = "its process sent something else than a report";
  });
  const timer = setTimeout(() => {
    reason = `it did not answer within ${timeoutMs / 1000} s`;
    child.kill("SIGKILL");
  }, timeoutMs);
  try {
    const [exitCode, signal] = await once(child, "close");
    if (report !== undefined) return report;
    return {
      type: "crashed",
      reason: describeDeath({ exitCode, signal, reason, lastLines: [] }),
      lastLines: output.lastLines(),
    };
  } catch (error) {
    return { type: "crashed", reason: error instanceof Error ? error.message : String(error), lastLines: [] };
  } finally {
    clearTimeout(timer);
  }
}
