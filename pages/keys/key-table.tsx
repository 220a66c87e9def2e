import { useState } from "preact/hooks";
import { formatDate, formatNumber } from "../frame/format.ts";
import { Button, Card, Dialog, Empty, Table, Word } from "../frame/parts.tsx";
import { LIMITS, type ListedKey, revokeKey, type UsageRow } from "./keys.ts";
import { formatCost } from "./money.ts";
import { sumBy } from "./sums.ts";

type KeyTableProps = { readonly keys: readonly ListedKey[]; readonly usage: readonly UsageRow[] };

/** All keys. Their secrets are nowhere. */
export function KeyTable({ keys, usage }: KeyTableProps) {
  const [leaving, setLeaving] = useState<ListedKey>();
  const used = sumBy(usage, ({ key_id: id }) => id);
  return (
    <Card title="Keys">
      {keys.length === 0 ? (
        <Empty>
          There are no keys, so anyone who reaches this gateway may use it. Once there is one, every request needs one:
          the first should be an admin's.
        </Empty>
      ) : (
        <Table
          caption="Keys"
          rows={keys}
          keyOf={({ id }) => id}
          columns={[
            { title: "Key", cell: (row) => <Name row={row} /> },
            { title: "Class", cell: (row) => row.class },
            { title: "Limits", cell: (row) => <Limits row={row} /> },
            {
              title: "Expires",
              cell: ({ expires_at: at }) => (at === null ? <span class="quiet">never</span> : <Expiry at={at} />),
            },
            { title: "Requests, 30 days", isNumber: true, cell: ({ id }) => formatNumber(used.get(id)?.requests ?? 0) },
            { title: "Cost, 30 days", isNumber: true, cell: ({ id }) => formatCost(used.get(id)?.cost ?? 0) },
            { title: "Actions", cell: (row) => <Revoke row={row} onAsk={() => setLeaving(row)} /> },
          ]}
        />
      )}
      <Dialog
        title={`Revoke ${leaving?.name ?? ""}?`}
        isOpen={leaving !== undefined}
        onClose={() => setLeaving(undefined)}
      >
        <p>Its next request is refused. This can't be undone; what it has used stays in the table.</p>
        <div class="dialog-actions">
          <Button onClick={() => setLeaving(undefined)}>Keep it</Button>
          <Button
            kind="danger"
            onClick={() => {
              if (leaving !== undefined) void revokeKey(leaving.id);
              setLeaving(undefined);
            }}
          >
            Revoke
          </Button>
        </div>
      </Dialog>
    </Card>
  );
}

function Name({ row: { id, name, admin } }: { readonly row: ListedKey }) {
  return (
    <>
      <strong>{name}</strong>
      {admin && <span class="quiet"> · admin</span>}
      <div class="quiet mono">{id}</div>
    </>
  );
}

function Limits({ row }: { readonly row: ListedKey }) {
  const limits = LIMITS.flatMap(([name, words]) => {
    const limit = row[name];
    return limit === null ? [] : [`${formatNumber(limit)} ${words}`];
  });
  const models = row.models === null ? [] : [`only ${row.models.join(", ")}`];
  const all = [...limits, ...models];
  return all.length === 0 ? <span class="quiet">none</span> : all.join("; ");
}

/** @param at in Unix seconds */
function Expiry({ at }: { readonly at: number }) {
  const isOver = at * 1_000 <= Date.now();
  return isOver ? <Word kind="warn">expired</Word> : formatDate(at * 1_000);
}

function Revoke({ row, onAsk }: { readonly row: ListedKey; readonly onAsk: () => void }) {
  if (row.source !== "state") return <span class="quiet">in the settings</span>;
  return (
    <Button kind="quiet" label={`Revoke ${row.name}`} onClick={onAsk}>
      Revoke
    </Button>
  );
}
