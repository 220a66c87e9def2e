import { useState } from "preact/hooks";
import { Done, Status } from "../frame/batch-parts.tsx";
import { count, formatDate, formatMs, formatNumber, NOTHING } from "../frame/format.ts";
import { Button, Dialog, Table } from "../frame/parts.tsx";
import type { Batch } from "./batch.ts";
import { cancel, download } from "./batches.ts";

/** The batches, with what can be done with each. */
export function BatchTable({ rows }: { readonly rows: readonly Batch[] }) {
  const [leaving, setLeaving] = useState<Batch>();
  return (
    <>
      <Table
        caption="Batches"
        rows={rows}
        keyOf={({ id }) => id}
        columns={[
          { title: "Created", cell: (row) => <Created row={row} /> },
          { title: "Requests to", cell: (row) => <Target row={row} /> },
          { title: "Status", cell: (row) => <Standing row={row} /> },
          { title: "Done", cell: (row) => <Done {...row} /> },
          {
            title: "Requests/s",
            isNumber: true,
            cell: ({ endedMs, perSecond }) => (endedMs === undefined ? formatNumber(perSecond) : NOTHING),
          },
          {
            title: "Done in",
            isNumber: true,
            cell: ({ endedMs, leftMs }) => (endedMs === undefined ? formatMs(leftMs) : NOTHING),
          },
          { title: "Actions", cell: (row) => <Actions row={row} onCancel={() => setLeaving(row)} /> },
        ]}
      />
      <Dialog title="Cancel the batch?" isOpen={leaving !== undefined} onClose={() => setLeaving(undefined)}>
        <p>Requests that have no answer yet get none. What is answered by then is in its files.</p>
        <div class="dialog-actions">
          <Button onClick={() => setLeaving(undefined)}>Let it run</Button>
          <Button
            kind="danger"
            onClick={() => {
              if (leaving !== undefined) void cancel(leaving);
              setLeaving(undefined);
            }}
          >
            Cancel the batch
          </Button>
        </div>
      </Dialog>
    </>
  );
}

function Created({ row: { id, createdMs } }: { readonly row: Batch }) {
  return (
    <>
      <span class="batches-when">{formatDate(createdMs)}</span>
      <div class="quiet mono" title={id}>
        …{id.slice(-8)}
      </div>
    </>
  );
}

function Target({ row: { endpoint, model } }: { readonly row: Batch }) {
  return (
    <>
      <span class="mono">{endpoint}</span>
      {model !== undefined && <div class="quiet">{model}</div>}
    </>
  );
}

function Standing({ row: { status, paused, upstream, createdMs, endedMs, errors } }: { readonly row: Batch }) {
  return (
    <>
      <Status status={status} paused={paused} upstream={upstream} />
      {endedMs !== undefined && <div class="quiet">{describeTime(endedMs - createdMs)}</div>}
      {errors.length > 0 && (
        <details class="batches-errors">
          <summary>{count(errors.length, "error")}</summary>
          <ul>
            {errors.map((error) => (
              <li key={error}>{error}</li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

/** The API tells whole seconds. */
function describeTime(ms: number): string {
  return ms < 1_000 ? "within a second" : `after ${formatMs(ms)}`;
}

function Actions({ row, onCancel }: { readonly row: Batch; readonly onCancel: () => void }) {
  const { id, endedMs, status, files } = row;
  if (endedMs === undefined) {
    const isEnding = status === "cancelling" || status === "canceling" || status === "finalizing";
    return (
      <Button label={`Cancel ${id}`} disabled={isEnding} onClick={onCancel}>
        Cancel
      </Button>
    );
  }
  return (
    <span class="batches-acts">
      {files.map((file) => (
        <Button key={file.path} label={`${file.label} of ${id}`} onClick={() => void download(file)}>
          {file.label}
        </Button>
      ))}
    </span>
  );
}
