import type { LiveEvent } from "../../src/live/snapshot.ts";
import { formatTime } from "../frame/format.ts";
import { Card, Empty, Table, Word } from "../frame/parts.tsx";
import { wordFor } from "../frame/words.ts";

const SHOWN = 8;

/** Loads, unloads and restarts, the latest first. */
export function EventsCard({ events }: { readonly events: readonly LiveEvent[] }) {
  const rows = events.slice(-SHOWN).reverse();
  return (
    <Card title="Events" note={events.length > SHOWN && `the latest ${SHOWN} of ${events.length}`}>
      {rows.length === 0 ? (
        <Empty>No model was loaded, unloaded or restarted since the gateway's start.</Empty>
      ) : (
        <Table
          caption="Loads, unloads and restarts"
          rows={rows}
          keyOf={({ at, model, state }) => `${at} ${model} ${state}`}
          columns={[
            { title: "When", cell: ({ at }) => formatTime(at) },
            { title: "Model", cell: ({ model }) => model },
            { title: "Became", cell: ({ state }) => <Became state={state} /> },
          ]}
        />
      )}
    </Card>
  );
}

function Became({ state }: Pick<LiveEvent, "state">) {
  const { word, kind } = wordFor({ state, upstream: null });
  return <Word kind={kind}>{word}</Word>;
}
