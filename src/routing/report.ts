import type { Confidence } from "../generation/confidence.ts";
import type { Observe, RouteStep } from "../generation/news.ts";
import type { Decision } from "./policy.ts";

/** Tells a request's observer what becomes of its route's targets. */
export type Report = {
  /** Tells each change. */
  readonly set: (target: string, outcome: RouteStep["outcome"], reason?: string, confidence?: Confidence) => void;
  readonly tell: () => void;
};

export function createReport(route: string, { candidates, excluded }: Decision, observe: Observe | undefined): Report {
  const steps = new Map<string, RouteStep>();
  /** What was asked last. */
  let first: string | undefined;
  for (const { target, deferred, firstTokenMs } of candidates) {
    steps.set(target, {
      ...{ target, outcome: "spare" },
      ...(deferred !== undefined && { reason: deferred }),
      ...(firstTokenMs !== undefined && { firstTokenMs }),
    });
  }
  for (const { target, reason } of excluded) steps.set(target, { target, outcome: "excluded", reason });

  function tell(): void {
    const all = [...steps.values()];
    const isFirst = ({ target }: RouteStep) => target === first;
    const ordered = [...all.filter(isFirst), ...all.filter((step) => !isFirst(step))];
    observe?.({ type: "routed", route, steps: ordered });
  }

  return {
    tell,
    set(target, outcome, reason, confidence) {
      steps.set(target, {
        ...steps.get(target),
        ...{ target, outcome },
        ...(reason !== undefined && { reason }),
        ...(confidence !== undefined && { confidence }),
      });
      if (outcome === "asked" || outcome === "answered") first = target;
      tell();
    },
  };
}
