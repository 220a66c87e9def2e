import type { LiveBatch } from "../../src/live/snapshot.ts";
import { Done, Status } from "../frame/batch-parts.tsx";
import { formatMs, formatNumber } from "../frame/format.ts";
import { Card, Table } from "../frame/parts.tsx";
import { shorten } from "./slots-card.tsx";

/** Batches of all keys that have not ended. */
export function BatchesCard({ batches }: { readonly batches: readonly LiveBatch[] }) {
  return (
    <Card title="Batches" note={<a href="/batches">Those of this key</a>}>
      <Table
        caption="Batches that have not ended"
        rows={batches}
        keyOf={({ id }) => id}
        columns={[
          {
            title: "Batch",
            cell: ({ id }) => (
              <span class="mono" title={id}>
                {shorten(id)}
              </span>
            ),
          },
          { title: "Key", cell: ({ key }) => key },
          { title: "Model", cell: ({ model }) => model },
          {
            title: "Status",
            cell: ({ status, paused, upstream }) => (
              <Status status={status.replaceAll("_", " ")} paused={paused ?? undefined} upstream={upstream?.name} />
            ),
          },
          { title: "Done", cell: ({ request_counts: counts }) => <Done {...counts} /> },
          {
            title: "Requests/s",
            isNumber: true,
            cell: ({ requests_per_second: rate }) => formatNumber(rate ?? undefined),
          },
          {
            title: "Done in",
            isNumber: true,
            cell: ({ eta_seconds: left }) => formatMs(left === null ? undefined : left * 1_000),
          },
        ]}
      />
    </Card>
  );
}
