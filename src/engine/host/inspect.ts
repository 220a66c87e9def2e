import { fork } from "node:child_process";
import { type EventEmitter, once } from "node:events";
import { extname } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { GpuChoice } from "../contract/messages.ts";
import { messageOf } from "../contract/parse.ts";
import { type InspectionReport, inspectionReportSchema, type Libraries } from "../inspect/report.ts";
import { describeDeath } from "./errors.ts";
import { createWorkerOutput } from "./worker-output.ts";

/** The limit for a driver that hangs. The first use of a GPU may take half a minute. */
const TIMEOUT_MS = 60_000;

/** The result of opening llama.cpp. `crashed` means that the process ended without a report. */
export type Inspection =
  | InspectionReport
  | { readonly type: "crashed"; readonly reason: string; readonly lastLines: readonly string[] };

/** The part of `ChildProcess` that is used, so that tests can replace it. */
type InspectorChild = EventEmitter & {
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  kill(signal: "SIGKILL"): boolean;
};

type ForkInspector = (choice: GpuChoice, libraries: Libraries | undefined) => InspectorChild;

const inspectorPath = fileURLToPath(new URL(`../inspect/main${extname(import.meta.url)}`, import.meta.url));

const forkInspector: ForkInspector = (choice, libraries) =>
  fork(inspectorPath, [choice, ...(libraries === undefined ? [] : [JSON.stringify(libraries)])], {
    execArgv: [],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });

/**
 * Opens llama.cpp with this `--gpu` in a separate process, and returns its report. If llama.cpp doesn't open, `libraries` are tried one by
 * one, so that the report can name what is missing. Never throws: a crash or a hang is a result, too.
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
    return { type: "crashed", reason: messageOf(error), lastLines: [] };
  } finally {
    clearTimeout(timer);
  }
}
