import { formatNumber, NOTHING } from "./format.ts";
import { Bar, Word } from "./parts.tsx";

type DoneProps = { readonly total: number; readonly completed: number; readonly failed: number };

/** How many requests of a batch are done, and how many of them failed. */
export function Done({ total, completed, failed }: DoneProps) {
  if (total === 0) return <>{NOTHING}</>;
  return (
    <span class="bar-line">
      <Bar share={(completed + failed) / total} />
      <span>
        {formatNumber(completed + failed)} <span class="quiet">of {formatNumber(total)}</span>
        {failed > 0 && <span class="batch-failed"> · {formatNumber(failed)} failed</span>}
      </span>
    </span>
  );
}

const KINDS: Readonly<Record<string, "good" | "warn" | "bad">> = {
  ...{ "in progress": "good", finalizing: "good", validating: "good" },
  ...{ cancelling: "warn", canceling: "warn", expired: "warn" },
  failed: "bad",
};

/** Its status in the API's words, where its requests are, and why it waits. */
export function Status({
  status,
  paused,
  upstream,
}: {
  readonly status: string;
  readonly paused: string | undefined;
  readonly upstream: string | undefined;
}) {
  return (
    <>
      <Word kind={paused === undefined ? (KINDS[status] ?? "plain") : "warn"}>
        {paused === undefined ? status : `${status}, paused`}
      </Word>
      {upstream !== undefined && <div class="batch-more quiet">in a batch of {upstream}</div>}
      {paused !== undefined && <div class="batch-more quiet">{paused}</div>}
    </>
  );
}
