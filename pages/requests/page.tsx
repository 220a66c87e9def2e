import "./requests.css";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import type { RequestSummary } from "../../src/telemetry/requests/wire.ts";
import { ApiError } from "../api/fetch.ts";
import { PageHead } from "../frame/page-head.tsx";
import { Button, ErrorNote } from "../frame/parts.tsx";
import { chosen, type Filter, fetchRequests, followChosen, NO_FILTER } from "./data.ts";
import { Detail } from "./detail.tsx";
import { Filters } from "./filters.tsx";
import { List } from "./list.tsx";

/** How often the list is asked for again. */
const REFRESH_MS = 2_000;

/** The last requests, and why one of them was slow. */
export default function Requests() {
  const [filter, setFilter] = useState<Filter>(NO_FILTER);
  const [isFollowing, setIsFollowing] = useState(true);
  const { rows, error, more, refresh } = useRequests(filter, isFollowing);
  useLayoutEffect(() => followChosen(), []);
  return (
    <>
      <PageHead title="Requests">
        <label class="requests-follow">
          <input
            type="checkbox"
            checked={isFollowing}
            onChange={({ currentTarget }) => setIsFollowing(currentTarget.checked)}
          />
          Follow new ones
        </label>
      </PageHead>
      {error !== undefined && <ErrorNote error={error} onRetry={refresh} />}
      <Filters filter={filter} rows={rows ?? []} onChange={setFilter} />
      <div class={chosen.value === undefined ? "requests" : "requests requests-split"}>
        {chosen.value !== undefined && <Detail id={chosen.value} />}
        <div class="requests-list">
          {rows !== undefined && <List rows={rows} isFiltered={filter !== NO_FILTER} />}
          {more !== undefined && <Button onClick={more}>Show older ones</Button>}
        </div>
      </div>
    </>
  );
}

/** The list that fits a filter; while it is followed, as it is now. Older pages stay as they were read. */
function useRequests(filter: Filter, isFollowing: boolean) {
  const [first, setFirst] = useState<{ readonly rows: readonly RequestSummary[]; readonly hasMore: boolean }>();
  const [older, setOlder] = useState<{ readonly rows: readonly RequestSummary[]; readonly hasMore: boolean }>();
  const [error, setError] = useState<ApiError>();
  const [tries, setTries] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: after a failure it is asked again
  useEffect(() => {
    const left = new AbortController();
    let timer: number | undefined;
    async function read(): Promise<void> {
      try {
        const { data, has_more: hasMore } = await fetchRequests(filter, undefined, left.signal);
        setFirst({ rows: data, hasMore });
        setError(undefined);
      } catch (thrown) {
        if (left.signal.aborted || !(thrown instanceof ApiError)) return;
        setError(thrown);
        // Without a key it would ask in vain for ever.
        if (thrown.status === 401 || thrown.status === 403) return;
      }
      if (isFollowing && !left.signal.aborted) timer = window.setTimeout(read, REFRESH_MS);
    }
    setOlder(undefined);
    void read();
    return () => {
      left.abort();
      clearTimeout(timer);
    };
  }, [filter, isFollowing, tries]);

  const known = new Set(first?.rows.map(({ id }) => id));
  const rows = first && [...first.rows, ...(older?.rows.filter(({ id }) => !known.has(id)) ?? [])];
  const hasMore = older?.hasMore ?? first?.hasMore ?? false;
  async function readMore(): Promise<void> {
    try {
      const { data, has_more } = await fetchRequests(filter, rows?.at(-1)?.id, new AbortController().signal);
      setOlder({ rows: [...(older?.rows ?? []), ...data], hasMore: has_more });
    } catch (thrown) {
      if (thrown instanceof ApiError) setError(thrown);
    }
  }
  return {
    rows,
    error,
    more: hasMore ? () => void readMore() : undefined,
    refresh: () => setTries(tries + 1),
  };
}
