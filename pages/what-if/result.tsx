import type { WhatIf, WhatIfResult } from "../../src/what-if/wire.ts";
import { formatMs, formatNumber, NOTHING } from "../frame/format.ts";
import { Card, ErrorNote, Table } from "../frame/parts.tsx";

/** From here on the simulation can't be believed. */
const UNLIKE = 0.35;

type ResultProps = { readonly found: WhatIf; readonly isOld: boolean };

/** What was measured, what the simulation makes of it, and what would have been. */
export function Result({ found, isOld }: ResultProps) {
  const { measured, today, changed, errors, pace } = found;
  const worst = Math.max(Math.abs(errors.p50 ?? 0), Math.abs(errors.p95 ?? 0));
  const longest = Math.max(...[measured, today, changed].map(({ p95_ms: ms }) => ms ?? 0), 1);
  return (
    <Card class={isOld ? "what-if-old" : ""} title="Time to the first token" note={isOld && "being simulated"}>
      <div class="what-if-result" aria-live="polite">
        {worst > UNLIKE && (
          <ErrorNote
            kind="warn"
            error={`The simulation is off by ${percent(worst)} today, so what it says of other settings is a rough guess. More requests help.`}
          />
        )}
        <div class="what-if-bars">
          <Bars
            name="Half of the requests"
            results={[measured, today, changed]}
            of={({ p50_ms: ms }) => ms}
            longest={longest}
          />
          <Bars
            name="95 of 100 requests"
            results={[measured, today, changed]}
            of={({ p95_ms: ms }) => ms}
            longest={longest}
          />
        </div>
        <Table
          caption="Measured, simulated, and with these settings"
          keyOf={({ name }) => name}
          rows={rowsOf(found)}
          columns={[
            { title: "Requests", cell: ({ name }) => name },
            { title: "Measured", isNumber: true, cell: (row) => row.measured },
            { title: "Simulated, as today", isNumber: true, cell: (row) => row.today },
            { title: "With these settings", isNumber: true, cell: (row) => <strong>{row.changed}</strong> },
          ]}
        />
        <p class="quiet">
          The simulation explains what was seen within {percent(Math.abs(errors.p50 ?? 0))} for half of the requests,
          and within {percent(Math.abs(errors.p95 ?? 0))} for 95 of 100. It takes {formatMs(pace.prefill_ms_per_token)}{" "}
          for a token of a prompt, {formatMs(pace.step_ms)} for a step of one answer, and {formatMs(pace.further_ms)}{" "}
          more for each further one.
        </p>
      </div>
    </Card>
  );
}

type Row = { readonly name: string; readonly measured: string; readonly today: string; readonly changed: string };

function rowsOf({ measured, today, changed }: WhatIf): readonly Row[] {
  const row = (name: string, of: (result: WhatIfResult) => string): Row => {
    return { name, measured: of(measured), today: of(today), changed: of(changed) };
  };
  const classes = today.classes.length > 1 ? today.classes.map((each) => each.class) : [];
  return [
    ...classes.map((name) =>
      row(`Class ${name}, half and 95 of 100`, ({ classes: all }) => {
        const found = all.find((each) => each.class === name);
        return `${formatMs(found?.p50_ms ?? undefined)} / ${formatMs(found?.p95_ms ?? undefined)}`;
      }),
    ),
    row("Answered here", ({ answered }) => formatNumber(answered)),
    row("Spilled", ({ spilled }) => formatNumber(spilled)),
    row("Refused", ({ refused }) => formatNumber(refused)),
    row("Cost", ({ cost }) => (cost === null ? NOTHING : `$${cost.toPrecision(3)}`)),
  ];
}

type BarsProps = {
  readonly name: string;
  readonly results: readonly [measured: WhatIfResult, today: WhatIfResult, changed: WhatIfResult];
  readonly of: (result: WhatIfResult) => number | null;
  readonly longest: number;
};

const NAMES = ["measured", "simulated", "with these"] as const;

function Bars({ name, results, of, longest }: BarsProps) {
  return (
    <section>
      <h3>{name}</h3>
      <dl>
        {results.map((result, index) => (
          <div key={NAMES[index]}>
            <dt>{NAMES[index]}</dt>
            <dd>
              <span class="what-if-room" aria-hidden="true">
                <span
                  class={`what-if-bar what-if-bar-${index}`}
                  style={{ width: `${(100 * (of(result) ?? 0)) / longest}%` }}
                />
              </span>
              <b class="number what-if-value">{formatMs(of(result) ?? undefined)}</b>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
