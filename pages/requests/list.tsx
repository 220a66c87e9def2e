import type { RequestSummary } from "../../src/telemetry/requests/wire.ts";
import { formatMs, formatNumber, formatTime, NOTHING } from "../frame/format.ts";
import { Empty, Table, Word } from "../frame/parts.tsx";
import { addressOf, choose, chosen, toldTokens } from "./data.ts";

type ListProps = { readonly rows: readonly RequestSummary[]; readonly isFiltered: boolean };

/** The requests, the latest first. */
export function List({ rows, isFiltered }: ListProps) {
  if (rows.length === 0) {
    return isFiltered ? (
      <Empty>None of the last requests is like that.</Empty>
    ) : (
      <Empty>
        Nobody has asked a model since the gateway started. Requests appear here as they come, without their prompts.
      </Empty>
    );
  }
  return (
    <Table
      caption="Last requests"
      rows={rows}
      keyOf={({ id }) => id}
      columns={[
        { title: "When", cell: (row) => <When row={row} /> },
        { title: "State", cell: (row) => <State row={row} /> },
        {
          title: "Model",
          cell: ({ model }) => (
            <span class="requests-model" title={model ?? ""}>
              {model ?? NOTHING}
            </span>
          ),
        },
        ...(rows.some(({ key }) => key !== null)
          ? [{ title: "Key", cell: ({ key }: RequestSummary) => key?.name ?? "none" }]
          : []),
        { title: "Prompt", isNumber: true, cell: (row) => <Prompt row={row} /> },
        { title: "Answer", isNumber: true, cell: (row) => formatNumber(toldTokens(row, row.completion_tokens)) },
        { title: "First token", isNumber: true, cell: ({ first_token_ms: ms }) => formatMs(ms ?? undefined) },
        { title: "In all", isNumber: true, cell: ({ duration_ms: ms }) => formatMs(ms) },
        { title: "Why", cell: (row) => <Why row={row} /> },
      ]}
    />
  );
}

function When({ row: { id, created_ms: ms } }: { readonly row: RequestSummary }) {
  const isChosen = chosen.value === id;
  return (
    <a
      class="requests-when"
      href={addressOf(id)}
      title={id}
      aria-current={isChosen ? "true" : undefined}
      onClick={(event) => {
        if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        choose(isChosen ? undefined : id);
      }}
    >
      {formatTime(ms)}
    </a>
  );
}

function State({ row: { state, status } }: { readonly row: RequestSummary }) {
  switch (state) {
    case "waiting":
      return <Word kind="warn">waits</Word>;
    case "running":
      return <Word kind="good">runs</Word>;
    case "done":
      return <Word>done</Word>;
    case "left":
      return <Word kind="warn">left</Word>;
    case "failed":
      return <Word kind="bad">{status ?? "failed"}</Word>;
  }
}

/** How many tokens, and how many of them needn't be evaluated. */
function Prompt({ row }: { readonly row: RequestSummary }) {
  const { prompt_tokens: all, cached_tokens: held } = row;
  return (
    <>
      {formatNumber(toldTokens(row, all))}
      {held > 0 && <span class="quiet"> ({formatNumber(held)} held)</span>}
    </>
  );
}

function Why({ row: { why, prefix_lost_ms: lost } }: { readonly row: RequestSummary }) {
  return (
    <span class="requests-why" title={why}>
      {why}
      {lost !== null && lost > 0 && <span class="requests-tip"> A prefix was not reused: {formatMs(lost)}.</span>}
    </span>
  );
}
