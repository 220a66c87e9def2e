import "./batches.css";
import { useEffect, useState } from "preact/hooks";
import { PageHead } from "../frame/page-head.tsx";
import { Button, Empty, ErrorNote } from "../frame/parts.tsx";
import { withLive } from "./batch.ts";
import { BatchTable } from "./batch-table.tsx";
import { batches, failure, follow, hasMore, live, MOST, refresh, showOlder } from "./batches.ts";
import { NewBatchDialog } from "./new-batch.tsx";

/** The batches of the key in use, and how far they are. */
export default function Batches() {
  const [isNew, setIsNew] = useState(false);
  useEffect(() => follow(), []);
  const rows = batches.value?.map((batch) =>
    withLive(
      batch,
      live.value.find(({ id }) => id === batch.id),
    ),
  );
  return (
    <>
      <PageHead title="Batches">
        <Button kind="primary" disabled={rows === undefined} onClick={() => setIsNew(true)}>
          New batch
        </Button>
      </PageHead>
      {failure.value !== undefined && <ErrorNote error={failure.value} onRetry={() => void refresh()} />}
      {rows !== undefined && (
        <div class="batches">
          {rows.length === 0 ? (
            <Empty>
              No batches yet. A batch is a file with a request on each line. Its requests run when nobody else waits,
              and it goes on after a restart. <a href="/docs">The API</a> and <code>sluice batch run</code> begin one,
              too.
            </Empty>
          ) : (
            <BatchTable rows={rows} />
          )}
          {hasMore.value && rows.length < MOST && <Button onClick={() => void showOlder()}>Show older ones</Button>}
        </div>
      )}
      <NewBatchDialog isOpen={isNew} onClose={() => setIsNew(false)} />
    </>
  );
}
