import "./what-if.css";
import { useEffect, useState } from "preact/hooks";
import type { WhatIf } from "../../src/what-if/wire.ts";
import { ApiError, fetchJson } from "../api/fetch.ts";
import { key } from "../api/key.ts";
import { count, formatMs } from "../frame/format.ts";
import { PageHead } from "../frame/page-head.tsx";
import { Empty, ErrorNote } from "../frame/parts.tsx";
import { type Changes, NO_CHANGES, questionOf } from "./changes.ts";
import { Result } from "./result.tsx";
import { Sliders } from "./sliders.tsx";

/** So long after the last move of a slider it is asked. */
const QUIET_MS = 250;

/** How the last requests would have been served by other settings. */
export default function WhatIfPage() {
  const [changes, setChanges] = useState<Changes>(NO_CHANGES);
  const { found, error, isAsking, ask } = useWhatIf(changes);
  const isEmpty = error instanceof ApiError && error.code === "too_few_requests";
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
        clock. Move a slider to see what their users would have noticed.
      </p>
      {isEmpty && <Empty>{error.message}</Empty>}
      {error !== undefined && !isEmpty && <ErrorNote error={error} onRetry={ask} />}
      <div class="what-if">
        <Sliders changes={changes} today={found?.settings.today} onChange={setChanges} />
        {found !== undefined && <Result found={found} isOld={isAsking} />}
      </div>
    </>
  );
}

/** The answer to the latest question, a moment after it stands still. */
function useWhatIf(changes: Changes) {
  const [found, setFound] = useState<WhatIf>();
  const [error, setError] = useState<unknown>();
  const [isAsking, setIsAsking] = useState(true);
  const [tries, setTries] = useState(0);
  const secret = key.value;
  // biome-ignore lint/correctness/useExhaustiveDependencies: with another key, or after a failure, it is asked again
  useEffect(() => {
    const left = new AbortController();
    setIsAsking(true);
    const timer = setTimeout(async () => {
      try {
        setFound(
          await fetchJson<WhatIf>("/admin/what-if", { method: "POST", body: questionOf(changes), signal: left.signal }),
        );
        setError(undefined);
      } catch (thrown) {
        if (left.signal.aborted) return;
        setError(thrown);
      }
      setIsAsking(false);
    }, QUIET_MS);
    return () => {
      left.abort();
      clearTimeout(timer);
    };
  }, [changes, secret, tries]);
  return { found, error, isAsking, ask: () => setTries(tries + 1) };
}
