import "./what-if.css";
import { useEffect, useState } from "preact/hooks";
import type { RequestSummary } from "../../src/telemetry/requests/wire.ts";
import type { WhatIf } from "../../src/what-if/wire.ts";
import { fetchJson } from "../api/fetch.ts";
import { count, formatMs } from "../frame/format.ts";
import { PageHead } from "../frame/page-head.tsx";
import { Empty, ErrorNote } from "../frame/parts.tsx";
import { type Changes, NO_CHANGES, questionOf } from "./changes.ts";
import { Result } from "./result.tsx";
import { Sliders } from "./sliders.tsx";

/** So long after the last move of a slider it is asked. */
const QUIET_MS = 250;
/** Fewer requests say nothing to the gateway. */
const LEAST_REQUESTS = 10;
/** How often it is looked whether there are enough. */
const LOOK_MS = 3_000;
/** So many of the last requests are looked at. */
const LOOKED_AT = 500;

/** How the last requests would have been served by other settings. */
export default function WhatIfPage() {
  const [changes, setChanges] = useState<Changes>(NO_CHANGES);
  const { found, known, error, isAsking, ask } = useWhatIf(changes);
  return (
    <>
      <PageHead title="What if">
        {found !== undefined && (
          <p class="quiet">
            {count(found.requests, "request")} to {found.model}, over {formatMs(found.span_ms)}
          </p>
        )}
      </PageHead>
      <p class="what-if-lead">
        The lengths, times and classes of the last requests go through the gateway's own queue once more, on a simulated
        clock.{found !== undefined && " Move a slider to see what their users would have noticed."}
      </p>
      {error !== undefined && <ErrorNote error={error} onRetry={ask} />}
      {known !== undefined && found === undefined && error === undefined && known < LEAST_REQUESTS && (
        <Empty>
          There is nothing to learn from yet: the busiest model of this machine has answered {count(known, "request")}{" "}
          since the gateway's start, and {LEAST_REQUESTS} are needed. This page begins by itself once they are there.
        </Empty>
      )}
      {isAsking && found === undefined && known !== undefined && known >= LEAST_REQUESTS && (
        <p class="quiet" role="status">
          The last requests are being simulated …
        </p>
      )}
      {found !== undefined && (
        <div class="what-if">
          <Sliders changes={changes} today={found.settings.today} onChange={setChanges} />
          <Result found={found} isOld={isAsking} />
        </div>
      )}
    </>
  );
}

/** How many requests the busiest model of this machine has answered, as far as they are kept: only these have a wait in a queue. */
async function countAnswered(signal: AbortSignal): Promise<number> {
  const { data } = await fetchJson<{ readonly data: readonly RequestSummary[] }>(
    `/admin/requests?state=done&limit=${LOOKED_AT}`,
    { signal },
  );
  const counts = new Map<string | null, number>();
  for (const { model, queue_ms: queueMs } of data) {
    if (queueMs !== null) counts.set(model, (counts.get(model) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values());
}

/** The answer to the latest question, a moment after it stands still. */
function useWhatIf(changes: Changes) {
  const [found, setFound] = useState<WhatIf>();
  const [error, setError] = useState<unknown>();
  const [isAsking, setIsAsking] = useState(true);
  const [tries, setTries] = useState(0);
  const [known, setKnown] = useState<number>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: after a failure it is asked again
  useEffect(() => {
    const left = new AbortController();
    setIsAsking(true);
    const work = async () => {
      try {
        if (known === undefined || known < LEAST_REQUESTS) {
          const answered = await countAnswered(left.signal);
          setKnown(answered);
          if (answered < LEAST_REQUESTS) {
            setError(undefined);
            timer = window.setTimeout(work, LOOK_MS);
            return;
          }
        }
        setFound(
          await fetchJson<WhatIf>("/admin/what-if", { method: "POST", body: questionOf(changes), signal: left.signal }),
        );
        setError(undefined);
      } catch (thrown) {
        if (left.signal.aborted) return;
        setError(thrown);
      }
      setIsAsking(false);
    };
    let timer = window.setTimeout(work, QUIET_MS);
    return () => {
      left.abort();
      clearTimeout(timer);
    };
  }, [changes, tries]);
  return { found, known, error, isAsking, ask: () => setTries(tries + 1) };
}
