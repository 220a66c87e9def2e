import type { LiveModel, LiveQueued, LiveSlot } from "../../src/live/snapshot.ts";
import { formatMs, formatNumber, formatRate, formatShare } from "../frame/format.ts";
import { Bar, Card, Empty, Table } from "../frame/parts.tsx";

type Row = { readonly model: LiveModel; readonly slot: LiveSlot; readonly queued: LiveQueued | undefined };

type SlotsCardProps = { readonly models: readonly LiveModel[]; readonly queue: readonly LiveQueued[] };

/** Every slot of this machine's engines, and what it is at. */
export function SlotsCard({ models, queue }: SlotsCardProps) {
  const withSlots = models.filter(({ slots }) => slots.length > 0);
  const rows = withSlots.flatMap((model) =>
    model.slots.map((slot): Row => ({ model, slot, queued: queue.find(({ id }) => id === slot.request?.id) })),
  );
  return (
    <Card title="Slots" note={withSlots.length === 1 && withSlots[0]?.id}>
      {rows.length === 0 ? (
        <Empty>
          No engine is loaded on this machine. A slot is shown for each request that one could answer at once.
        </Empty>
      ) : (
        <Table
          caption="Slots"
          rows={rows}
          keyOf={({ model, slot }) => `${model.id} ${slot.index}`}
          columns={[
            ...(withSlots.length > 1 ? [{ title: "Model", cell: ({ model }: Row) => model.id }] : []),
            { title: "Slot", cell: ({ slot }) => slot.index + 1 },
            { title: "Request", cell: ({ slot }) => <Request slot={slot} /> },
            { title: "Key", cell: ({ slot }) => slot.request?.key },
            { title: "Class", cell: ({ slot }) => slot.request?.class },
            { title: "Waited", isNumber: true, cell: ({ queued }) => queued && formatMs(queued.waited_ms) },
            { title: "Prompt", cell: ({ slot }) => <Prompt slot={slot} /> },
            {
              title: "Written",
              isNumber: true,
              cell: ({ slot }) => slot.request && formatNumber(slot.request.generated_tokens),
            },
            {
              title: "Tokens/s",
              isNumber: true,
              cell: ({ slot }) => slot.request && formatRate(slot.request.tokens_per_second ?? undefined),
            },
            { title: "Held", cell: ({ model, slot }) => <Held model={model} slot={slot} /> },
          ]}
        />
      )}
    </Card>
  );
}

function Request({ slot: { request } }: { readonly slot: LiveSlot }) {
  if (request === null) return <span class="quiet">free</span>;
  return (
    <span class="mono" title={request.id}>
      {shorten(request.id)}
      {request.choice > 0 && ` · ${request.choice + 1}`}
    </span>
  );
}

/** How much of the prompt is evaluated, and how much of it needn't be. */
function Prompt({ slot: { request } }: { readonly slot: LiveSlot }) {
  if (request === null) return null;
  const { prompt_tokens: all, prefilled_tokens: done, cached_tokens: cached } = request;
  const isDone = done >= all;
  return (
    <span class="bar-line">
      <Bar share={all === 0 ? 1 : done / all} />
      <span>
        {isDone ? formatNumber(all) : `${formatNumber(done)} of ${formatNumber(all)}`}
        {cached > 0 && <span class="quiet"> · {formatShare(cached / Math.max(1, all))} held before</span>}
      </span>
    </span>
  );
}

function Held({ model, slot }: { readonly model: LiveModel; readonly slot: LiveSlot }) {
  const room = model.context_tokens ?? 0;
  return (
    <span class="bar-line">
      <Bar share={room === 0 ? 0 : slot.held_tokens / room} />
      <span>
        {formatNumber(slot.held_tokens)}
        {room > 0 && <span class="quiet"> of {formatNumber(room)}</span>}
      </span>
    </span>
  );
}

/** The end tells them apart. */
export function shorten(id: string): string {
  return id.length <= 12 ? id : `…${id.slice(-8)}`;
}
