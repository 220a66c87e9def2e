import type { LiveModel, LiveQueued } from "../../src/live/snapshot.ts";
import { count, formatMs } from "../frame/format.ts";
import { Card, Empty, Table } from "../frame/parts.tsx";
import { shorten } from "./slots-card.tsx";

type QueueCardProps = { readonly queue: readonly LiveQueued[]; readonly models: readonly LiveModel[] };

/** Who waits, and what each was promised. */
export function QueueCard({ queue, models }: QueueCardProps) {
  const rows = queue.filter(({ state }) => state !== "running");
  const waiting = models.reduce((sum, model) => sum + model.waiting, 0);
  return (
    <Card title="Queue" note={waiting > rows.length && `the next ${rows.length} of ${count(waiting, "request")}`}>
      {rows.length === 0 ? (
        <Empty>
          Nobody waits. A request that finds no free slot is listed here, with its place and its expected wait.
        </Empty>
      ) : (
        <Table
          caption="Requests that wait"
          rows={rows}
          keyOf={({ id, model }) => `${model} ${id}`}
          columns={[
            { title: "Place", cell: ({ position }) => position ?? "aside" },
            {
              title: "Request",
              cell: ({ id }) => (
                <span class="mono" title={id}>
                  {shorten(id)}
                </span>
              ),
            },
            { title: "Key", cell: ({ key }) => key },
            { title: "Class", cell: (row) => row.class },
            { title: "Model", cell: ({ model }) => model },
            { title: "Waited", isNumber: true, cell: ({ waited_ms }) => formatMs(waited_ms) },
            { title: "First token in", isNumber: true, cell: ({ eta_ms }) => formatMs(eta_ms ?? undefined) },
            {
              title: "Promised on arrival",
              isNumber: true,
              cell: ({ promised_ms }) => formatMs(promised_ms ?? undefined),
            },
          ]}
        />
      )}
    </Card>
  );
}
