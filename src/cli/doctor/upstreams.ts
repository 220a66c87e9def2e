import { describeUpstream } from "../../config/upstreams.ts";
import type { UpstreamFinding } from "../../gateway/upstreams.ts";
import { type Check, good, problem, warning } from "./check.ts";

/** Sluice starts without an upstream that is down. */
export function checkUpstreams(findings: readonly UpstreamFinding[]): readonly Check[] {
  return findings.map(({ upstream, found }) => {
    const place = describeUpstream(upstream);
    if ("models" in found) return good("upstream", `${place}: lists ${found.models} models`);
    const message = `${place}: ${found.problem.replace(/\.$/, "")}`;
    return found.keepsFromStarting
      ? problem("upstream", message, "Provide it, or correct the upstream's settings.")
      : warning("upstream", message, "Start it, or correct its URL, its key and its other settings.");
  });
}
