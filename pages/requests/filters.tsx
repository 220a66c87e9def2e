import { PRIORITIES } from "../../src/generation/terms.ts";
import type { RequestSummary } from "../../src/telemetry/requests/wire.ts";
import { Button, Field } from "../frame/parts.tsx";
import { type Filter, LEAST_TIMES, NO_FILTER } from "./data.ts";

type FiltersProps = {
  readonly filter: Filter;
  readonly rows: readonly RequestSummary[];
  readonly onChange: (filter: Filter) => void;
};

/** What the list is narrowed to. */
export function Filters({ filter, rows, onChange }: FiltersProps) {
  const models = namesOf(
    rows.map(({ model }) => model),
    filter.model,
  );
  const keys = namesOf(
    rows.map(({ key }) => key?.name),
    filter.key,
  );
  return (
    <form class="requests-filters" aria-label="Filter" onSubmit={(event) => event.preventDefault()}>
      <Choice
        label="Model"
        value={filter.model}
        any="all models"
        names={models}
        onChange={(model) => onChange({ ...filter, model })}
      />
      <Choice
        label="Key"
        value={filter.key}
        any="all keys"
        names={keys}
        onChange={(key) => onChange({ ...filter, key })}
      />
      <Choice
        label="Class"
        value={filter.class}
        any="all classes"
        names={PRIORITIES}
        onChange={(priority) => onChange({ ...filter, class: priority })}
      />
      <Field label="Took">
        <select
          value={filter.minMs}
          onChange={({ currentTarget }) => onChange({ ...filter, minMs: currentTarget.value })}
        >
          {LEAST_TIMES.map(([value, title]) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
        </select>
      </Field>
      <label class="requests-lost">
        <input
          type="checkbox"
          checked={filter.isLost}
          onChange={({ currentTarget }) => onChange({ ...filter, isLost: currentTarget.checked })}
        />
        Prefix not reused
      </label>
      {filter !== NO_FILTER && (
        <Button kind="quiet" onClick={() => onChange(NO_FILTER)}>
          Show all
        </Button>
      )}
    </form>
  );
}

type ChoiceProps = {
  readonly label: string;
  readonly value: string;
  readonly any: string;
  readonly names: readonly string[];
  readonly onChange: (value: string) => void;
};

function Choice({ label, value, any, names, onChange }: ChoiceProps) {
  return (
    <Field label={label}>
      <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        <option value="">{any}</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </Field>
  );
}

/** The names that the list has, and the chosen one, which it may have lost. */
function namesOf(found: readonly (string | null | undefined)[], chosen: string): readonly string[] {
  const names = new Set(found.filter((name) => typeof name === "string"));
  if (chosen !== "") names.add(chosen);
  return [...names].toSorted();
}
