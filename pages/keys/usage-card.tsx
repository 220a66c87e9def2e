import { formatNumber, formatShare } from "../frame/format.ts";
import { Bar, Card, Empty, Figure, Figures, Table } from "../frame/parts.tsx";
import { DAYS, type UsageRow } from "./keys.ts";
import { formatCost } from "./money.ts";
import { lastDays, type Sum, sumBy, sumOf } from "./sums.ts";

/** What was used, by day, by key and model. */
export function UsageCard({ usage }: { readonly usage: readonly UsageRow[] }) {
  if (usage.length === 0)
    return (
      <Card title="Usage">
        <Empty>Nothing was asked in the last {DAYS} days.</Empty>
      </Card>
    );
  const all = sumOf(usage);
  return (
    <>
      <Card title="Usage" note={`the last ${DAYS} days, in UTC`}>
        <Figures>
          <Figure name="Cost" value={formatCost(all.cost)} note="as far as prices are known" />
          <Figure
            name="Requests"
            value={formatNumber(all.requests)}
            note={all.failed > 0 && `${formatNumber(all.failed)} failed or were refused`}
          />
          <Figure
            name="Prompt tokens"
            value={formatNumber(all.promptTokens)}
            note={all.promptTokens > 0 && `${formatShare(all.cachedTokens / all.promptTokens)} were held already`}
          />
          <Figure name="Answer tokens" value={formatNumber(all.completionTokens)} />
        </Figures>
        <Days usage={usage} hasCost={all.cost > 0} />
      </Card>
      <Sums title="By key" sums={sumBy(usage, ({ key_name: name }) => name)} />
      <Sums title="By model" sums={sumBy(usage, ({ model }) => model)} />
    </>
  );
}

/** A column for each day: of its cost, or of its requests where nothing costs anything. */
function Days({ usage, hasCost }: { readonly usage: readonly UsageRow[]; readonly hasCost: boolean }) {
  const byDay = sumBy(usage, ({ day }) => day);
  const days = lastDays(new Date(), DAYS).map((day) => ({ day, sum: byDay.get(day) }));
  const of = (sum: Sum | undefined) => (hasCost ? (sum?.cost ?? 0) : (sum?.requests ?? 0));
  const write = (value: number) => (hasCost ? formatCost(value) : formatNumber(value));
  const most = Math.max(...days.map(({ sum }) => of(sum)), Number.MIN_VALUE);
  return (
    <figure class="keys-days">
      <figcaption class="quiet">
        {hasCost ? "Cost" : "Requests"} by day, {write(most)} at most
      </figcaption>
      <ol>
        {days.map(({ day, sum }) => (
          <li key={day} title={`${day}: ${write(of(sum))}`}>
            <span class="unseen">
              {day}: {write(of(sum))}
            </span>
            <span class="keys-day" style={{ height: `${(100 * of(sum)) / most}%` }} aria-hidden="true" />
          </li>
        ))}
      </ol>
      <div class="keys-ends quiet" aria-hidden="true">
        <span>{days[0]?.day}</span>
        <span>today</span>
      </div>
    </figure>
  );
}

type Row = Sum & { readonly name: string };

function Sums({ title, sums }: { readonly title: string; readonly sums: ReadonlyMap<string, Sum> }) {
  const rows = Array.from(sums, ([name, sum]): Row => ({ name, ...sum })).sort(
    (one, other) => other.cost - one.cost || other.requests - one.requests,
  );
  const most = Math.max(...rows.map(({ requests }) => requests), 1);
  return (
    <Card title={title}>
      <Table
        caption={`Usage ${title.toLowerCase()}`}
        rows={rows}
        keyOf={({ name }) => name}
        columns={[
          { title: "Name", cell: ({ name }) => <strong>{name}</strong> },
          { title: "Share of requests", cell: ({ requests }) => <Bar share={requests / most} /> },
          { title: "Requests", isNumber: true, cell: ({ requests }) => formatNumber(requests) },
          { title: "Prompt tokens", isNumber: true, cell: ({ promptTokens }) => formatNumber(promptTokens) },
          {
            title: "Held already",
            isNumber: true,
            cell: ({ promptTokens, cachedTokens }) => formatShare(cachedTokens / Math.max(1, promptTokens)),
          },
          { title: "Answer tokens", isNumber: true, cell: ({ completionTokens }) => formatNumber(completionTokens) },
          { title: "Failed", isNumber: true, cell: ({ failed }) => formatNumber(failed) },
          { title: "Cost", isNumber: true, cell: ({ cost }) => formatCost(cost) },
        ]}
      />
    </Card>
  );
}
