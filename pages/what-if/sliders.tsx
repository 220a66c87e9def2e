import type { WhatIfSetting } from "../../src/what-if/wire.ts";
import { count, formatMs, formatNumber } from "../frame/format.ts";
import { Button, Card, Field } from "../frame/parts.tsx";
import { type Changes, FIRST_TOKENS_MS, NO_CHANGES, PENDING, SPILLS_MS, stopOf, TRAFFIC, WAITS_MS } from "./changes.ts";

const MOST_SLOTS = 32;
const MOST_REPLICAS = 8;

type SlidersProps = {
  readonly changes: Changes;
  readonly today: WhatIfSetting | undefined;
  readonly onChange: (changes: Changes) => void;
};

/** What may be different from today. */
export function Sliders({ changes, today, onChange }: SlidersProps) {
  const { slots = today?.slots ?? 1, replicas, traffic, spill } = changes;
  const { maxWaitMs = today?.max_wait_ms ?? 60_000, maxPending = today?.max_pending ?? 256 } = changes;
  const setSpill = (change: Partial<Changes["spill"]>) => onChange({ ...changes, spill: { ...spill, ...change } });
  return (
    <Card
      title="Settings"
      note={
        changes !== NO_CHANGES && (
          <Button kind="quiet" onClick={() => onChange(NO_CHANGES)}>
            As today
          </Button>
        )
      }
    >
      <div class="what-if-sliders">
        <Slider
          name="Slots"
          value={formatNumber(slots)}
          at={slots - 1}
          most={Math.max(MOST_SLOTS, slots) - 1}
          today={today && formatNumber(today.slots)}
          isChanged={today !== undefined && slots !== today.slots}
          onMove={(at) => onChange({ ...changes, slots: at + 1 })}
        />
        <Slider
          name="Engines"
          value={formatNumber(replicas)}
          at={replicas - 1}
          most={MOST_REPLICAS - 1}
          today="1"
          isChanged={replicas !== 1}
          onMove={(at) => onChange({ ...changes, replicas: at + 1 })}
        />
        <Slider
          name="Traffic"
          value={`${traffic} ×`}
          at={stopOf(TRAFFIC, traffic)}
          most={TRAFFIC.length - 1}
          today="1 ×"
          isChanged={traffic !== 1}
          onMove={(at) => onChange({ ...changes, traffic: TRAFFIC[at] ?? 1 })}
        />
        <Slider
          name="Longest wait"
          value={formatMs(maxWaitMs)}
          at={stopOf(WAITS_MS, maxWaitMs)}
          most={WAITS_MS.length - 1}
          today={today && formatMs(today.max_wait_ms)}
          isChanged={changes.maxWaitMs !== undefined}
          onMove={(at) => onChange({ ...changes, maxWaitMs: WAITS_MS[at] })}
        />
        <Slider
          name="Most in progress"
          value={count(maxPending, "request")}
          at={stopOf(PENDING, maxPending)}
          most={PENDING.length - 1}
          today={today && formatNumber(today.max_pending)}
          isChanged={changes.maxPending !== undefined}
          onMove={(at) => onChange({ ...changes, maxPending: PENDING[at] })}
        />
        <Slider
          name="Spill to another server after"
          value={spill.afterMs === undefined ? "never" : formatMs(spill.afterMs)}
          at={stopOf(SPILLS_MS, spill.afterMs)}
          most={SPILLS_MS.length - 1}
          today="never"
          isChanged={spill.afterMs !== undefined}
          onMove={(at) => setSpill({ afterMs: SPILLS_MS[at] })}
        />
        {spill.afterMs !== undefined && (
          <div class="what-if-spill">
            <Slider
              name="Its first token"
              value={formatMs(spill.firstTokenMs)}
              at={stopOf(FIRST_TOKENS_MS, spill.firstTokenMs)}
              most={FIRST_TOKENS_MS.length - 1}
              today={undefined}
              isChanged={false}
              onMove={(at) => setSpill({ firstTokenMs: FIRST_TOKENS_MS[at] ?? 800 })}
            />
            <Price
              label="Prompt, $ a million"
              value={spill.promptPrice}
              onChange={(promptPrice) => setSpill({ promptPrice })}
            />
            <Price
              label="Answer, $ a million"
              value={spill.completionPrice}
              onChange={(completionPrice) => setSpill({ completionPrice })}
            />
          </div>
        )}
      </div>
    </Card>
  );
}

type SliderProps = {
  readonly name: string;
  readonly value: string;
  readonly at: number;
  readonly most: number;
  readonly today: string | undefined;
  readonly isChanged: boolean;
  readonly onMove: (at: number) => void;
};

function Slider({ name, value, at, most, today, isChanged, onMove }: SliderProps) {
  return (
    <label class={isChanged ? "slider slider-changed" : "slider"}>
      <span class="slider-head">
        <span>{name}</span>
        <span>
          {isChanged && today !== undefined && <s class="quiet">{today}</s>} <b>{value}</b>
        </span>
      </span>
      <input
        type="range"
        min={0}
        max={most}
        step={1}
        value={at}
        aria-label={name}
        aria-valuetext={value}
        onInput={({ currentTarget }) => onMove(Number(currentTarget.value))}
      />
    </label>
  );
}

type PriceProps = { readonly label: string; readonly value: number; readonly onChange: (value: number) => void };

function Price({ label, value, onChange }: PriceProps) {
  return (
    <Field label={label}>
      <input
        type="number"
        min={0}
        max={1000}
        step={0.1}
        value={value}
        onInput={({ currentTarget: { valueAsNumber } }) => {
          if (Number.isFinite(valueAsNumber) && valueAsNumber >= 0) onChange(Math.min(1_000, valueAsNumber));
        }}
      />
    </Field>
  );
}
