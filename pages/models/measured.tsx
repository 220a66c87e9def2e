import { useEffect } from "preact/hooks";
import { formatBytes, formatDate } from "../frame/format.ts";
import { Card, Table, Word } from "../frame/parts.tsx";
import { type ComparedModel, type Comparison, comparison, type Estimate, lookAtComparison } from "./comparison.ts";

/** What `sluice compare` measured last; nothing if it never ran. */
export function Measured() {
  useEffect(() => void lookAtComparison(), []);
  const { value: found } = comparison;
  if (found === undefined) return null;
  const { verdict, models, reference, text, quiet, created_at: createdAt } = found;
  return (
    <Card title="Compared">
      <div class="models-measured">
        <p>
          <strong>{verdict.sentence.replace(/^t/, "T")}</strong>
        </p>
        <Table
          caption="Compared"
          rows={models}
          keyOf={({ id }) => id}
          columns={[
            { title: "Model", cell: (model) => <Name model={model} taken={verdict.take} /> },
            { title: "File", isNumber: true, cell: ({ size_bytes: bytes }) => formatBytes(bytes) },
            { title: "Memory", isNumber: true, cell: ({ memory_bytes: bytes }) => formatBytes(bytes ?? undefined) },
            { title: "Tokens a second", isNumber: true, cell: (model) => <Speed model={model} found={found} /> },
            { title: "Above the best perplexity", isNumber: true, cell: ({ rise }) => showShare(rise) },
            { title: `KL of ${reference}`, isNumber: true, cell: ({ divergence }) => showNats(divergence) },
            { title: "Same top token", isNumber: true, cell: ({ agreement }) => showShare(agreement) },
          ]}
        />
        <p class="quiet">
          Measured with <code>sluice compare</code> on {formatDate(createdAt * 1000)}
          {text.scored > 0 && `, with ${text.scored} tokens of ${text.name}`}. Brackets have intervals of 95 %.
          {!quiet && " Other programs ran beside it, so its rates are too low."}
        </p>
      </div>
    </Card>
  );
}

function Name({ model: { id }, taken }: { readonly model: ComparedModel; readonly taken: string | null }) {
  return (
    <div class="models-name">
      {id} {id === taken && <Word kind="good">to take</Word>}
    </div>
  );
}

/** At the largest context. */
function Speed({ model: { rates, id }, found }: { readonly model: ComparedModel; readonly found: Comparison }) {
  const decode = rates.at(-1)?.decode;
  if (decode === undefined) return null;
  const base = found.models.find((each) => each.id === found.reference)?.rates.at(-1)?.decode.value;
  return (
    <>
      {decode.value.toFixed(decode.value < 100 ? 1 : 0)}
      {base !== undefined && id !== found.reference && <div class="quiet">{(decode.value / base).toFixed(1)} ×</div>}
    </>
  );
}

function showShare(estimate: Estimate | null) {
  return estimate && show(estimate, (share) => (share * 100).toFixed(1), " %");
}

function showNats(estimate: Estimate | null) {
  return estimate && show(estimate, (nats) => (nats === 0 ? "0" : nats.toPrecision(2)), "");
}

function show({ value, low, high }: Estimate, write: (value: number) => string, unit: string) {
  return (
    <>
      {write(value)}
      {unit}
      {low !== high && (
        <div class="quiet">
          [{write(low)}, {write(high)}]
        </div>
      )}
    </>
  );
}
