import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Args } from "../args.ts";
import type { Machine } from "../machine.ts";
import type { WorkloadResult } from "../run.ts";
import { plotIntrusion } from "./itl-plot.ts";
import { formatMarkdown } from "./markdown.ts";
import { plotRatios } from "./ratio-plot.ts";
import { summarize } from "./summary.ts";

export type Report = {
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly machine: Machine;
  readonly args: Args;
  readonly modelPath: string;
  /** What the prompts were made from. */
  readonly runSeed: number;
  readonly results: readonly WorkloadResult[];
};

const RATIOS = { title: "Ratios and their targets", file: "ratios.svg" };
const INTRUSION = { title: "ITL during an intrusion", file: "intrusion.svg" };

/** Writes `latest.json`, `latest.md` and the plots that there is something for into the folder, which is made where it isn't there. */
export async function writeReport(folder: string, report: Report): Promise<void> {
  await mkdir(folder, { recursive: true });
  const rows = report.results.flatMap(summarize);
  const traced = report.results.find(({ contestants }) => contestants.some(({ trace }) => trace !== undefined));
  const plots = [
    ...(rows.some(({ comparisons }) => comparisons.length > 0) ? [{ ...RATIOS, svg: plotRatios(rows) }] : []),
    ...(traced ? [{ ...INTRUSION, svg: plotIntrusion(traced.contestants) }] : []),
  ];
  // Remove the plots of earlier runs, which show other figures.
  await Promise.all([RATIOS, INTRUSION].map(({ file }) => rm(join(folder, file), { force: true })));
  await Promise.all([
    writeFile(join(folder, "latest.json"), `${JSON.stringify({ ...report, rows }, null, 2)}\n`),
    writeFile(join(folder, "latest.md"), formatMarkdown(report, plots)),
    ...plots.map(({ file, svg }) => writeFile(join(folder, file), svg)),
  ]);
}
