import type { LiveModel, LiveSnapshot } from "../../src/live/snapshot.ts";
import { formatBytes, formatMs, formatNumber, formatRate, NOTHING } from "../frame/format.ts";
import { Card, Empty, Table, Word } from "../frame/parts.tsx";
import { wordFor } from "../frame/words.ts";

type ModelsCardProps = { readonly models: readonly LiveModel[]; readonly memory: LiveSnapshot["memory"] };

/** What is served, here and elsewhere. */
export function ModelsCard({ models, memory }: ModelsCardProps) {
  return (
    <Card title="Models and targets" note={`the gateway itself takes ${formatBytes(memory.process_bytes)}`}>
      {models.length === 0 ? (
        <Empty>
          No model is served. <a href="/models">Pull one</a>, or name one with --model.
        </Empty>
      ) : (
        <Table
          caption="Models and targets"
          rows={models}
          keyOf={({ id }) => id}
          columns={[
            { title: "Model", cell: ({ id }) => <strong class="now-name">{id}</strong> },
            { title: "State", cell: (model) => <State model={model} /> },
            {
              title: "Where",
              cell: ({ upstream }) => (upstream === null ? "this machine" : `${upstream.name} (${upstream.kind})`),
            },
            { title: "Running", isNumber: true, cell: ({ running }) => formatNumber(running) },
            { title: "Waiting", isNumber: true, cell: ({ waiting }) => formatNumber(waiting) },
            {
              title: "Tokens/s",
              isNumber: true,
              cell: ({ tokens_per_second: rate }) => formatRate(rate),
            },
            {
              title: "First token, expected",
              isNumber: true,
              cell: ({ first_token_ms }) => (first_token_ms === 0 ? "at once" : formatMs(first_token_ms ?? undefined)),
            },
            {
              title: "Real ÷ expected",
              isNumber: true,
              cell: ({ wait_ratio }) => formatRatio(wait_ratio),
            },
            { title: "Memory", isNumber: true, cell: ({ memory_bytes }) => formatBytes(memory_bytes ?? undefined) },
          ]}
        />
      )}
    </Card>
  );
}

/** The median, and within what four of five are. */
function formatRatio(ratio: LiveModel["wait_ratio"]): string {
  if (ratio === null) return NOTHING;
  const [low = "", median = "", high = ""] = ratio.map((each) => each.toFixed(1));
  return `${median} (${low} to ${high})`;
}

function State({ model }: { readonly model: LiveModel }) {
  const { word, kind } = wordFor(model);
  return (
    <>
      <Word kind={kind}>{word}</Word>
      <span class="quiet">{more(model)}</span>
    </>
  );
}

function more({ upstream, pinned, unload_in_ms: unloadMs }: LiveModel): string {
  if (upstream !== null && upstream.retry_after_ms > 0) return `, asked again in ${formatMs(upstream.retry_after_ms)}`;
  if (pinned) return ", pinned";
  return unloadMs === null ? "" : `, unloads in ${formatMs(unloadMs)}`;
}
