import type { LiveCache } from "../../src/live/snapshot.ts";
import { formatBytes, formatNumber, formatShare } from "../frame/format.ts";
import { Card, Table } from "../frame/parts.tsx";

type Tier = { readonly name: string; readonly hits: number; readonly note: string };

/** What the response cache answered, tier by tier, since the gateway's start. */
export function CacheCard({ cache }: { readonly cache: LiveCache }) {
  const shared = cache.shared?.hits ?? 0;
  const asked = cache.hits + cache.misses;
  const tiers: readonly Tier[] = [
    {
      name: "Memory",
      hits: Math.max(0, cache.hits - cache.semantic_hits - shared),
      note: `${formatNumber(cache.entries)} answers, ${formatBytes(cache.bytes)} of ${formatBytes(cache.max_bytes)}`,
    },
    ...(cache.shared === null
      ? []
      : [{ name: "Shared (Redis)", hits: shared, note: cache.shared.up ? "reached" : "not reached" }]),
    { name: "Same question in other words", hits: cache.semantic_hits, note: "" },
    { name: "Shared with a request in progress", hits: cache.collapsed, note: "" },
    { name: "Generated", hits: Math.max(0, cache.misses - cache.collapsed), note: "" },
    { name: "Generated, and never the same twice", hits: cache.bypassed, note: "" },
  ];
  return (
    <Card
      title="Cache"
      note={asked > 0 && `${formatShare((cache.hits + cache.collapsed) / asked)} needed no generation`}
    >
      <Table
        caption="Answers by where they came from"
        rows={tiers}
        keyOf={({ name }) => name}
        columns={[
          { title: "Answered by", cell: ({ name }) => name },
          { title: "Answers", isNumber: true, cell: ({ hits }) => formatNumber(hits) },
          { title: "Holds", cell: ({ note }) => <span class="now-note quiet">{note}</span> },
        ]}
      />
    </Card>
  );
}
