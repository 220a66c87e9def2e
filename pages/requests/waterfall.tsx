import type { RequestDetail, RequestSpan } from "../../src/telemetry/requests/wire.ts";
import { formatMs } from "../frame/format.ts";
import { ticksOf } from "./ticks.ts";

const NAMES: Readonly<Record<RequestSpan["type"], string>> = {
  load: "Model loads",
  queue: "Waits for its turn",
  aside: "Set aside",
  prefill: "Prompt",
  decode: "Answer",
  first_token: "First token",
  answer: "Answer",
  send: "Client reads",
};

/** The width of a line of tokens, in its own units. */
const WIDTH = 1_000;

/** What happened to a request, on one axis of time, with each piece of its answer. */
export function Waterfall({ request }: { readonly request: RequestDetail }) {
  const { spans, steps } = request;
  if (spans.length === 0) return null;
  const endMs = Math.max(...spans.map((span) => span.end_ms));
  const hasChoices = spans.some(({ choice }) => choice !== null && choice > 0);
  return (
    <section class="request-part">
      <h2>Where the time went</h2>
      <ol class="waterfall">
        {spans.map((span) => (
          <Row key={`${span.type} ${span.choice}`} span={span} endMs={endMs} hasChoices={hasChoices} />
        ))}
        {steps !== null && <Pieces steps={steps} endMs={endMs} />}
        <Axis endMs={endMs} />
      </ol>
      {steps !== null && steps.pieces > 1 && (
        <p class="quiet">
          {steps.stride === 1 ? "Each line is a piece" : `Each line is the first of ${steps.stride} pieces`} of the
          answer; the longest pause between two was {formatMs(steps.longest_ms)}, until {formatMs(steps.longest_at_ms)}.
        </p>
      )}
    </section>
  );
}

type RowProps = { readonly span: RequestSpan; readonly endMs: number; readonly hasChoices: boolean };

function Row({ span: { type, start_ms: start, end_ms: end, choice }, endMs, hasChoices }: RowProps) {
  const name = hasChoices && choice !== null ? `${NAMES[type]} ${choice + 1}` : NAMES[type];
  return (
    <li>
      <span class="waterfall-name">{name}</span>
      <span class="waterfall-room" aria-hidden="true">
        <span
          class={`waterfall-bar waterfall-${type}`}
          style={{ left: share(start, endMs), width: share(end - start, endMs) }}
        />
      </span>
      <span class="number">{formatMs(end - start)}</span>
    </li>
  );
}

function Pieces({ steps, endMs }: { readonly steps: NonNullable<RequestDetail["steps"]>; readonly endMs: number }) {
  const lines = steps.at_ms.map((at) => `M${((WIDTH * at) / endMs).toFixed(1)} 0V10`).join("");
  return (
    <li aria-hidden="true">
      <span class="waterfall-name">Pieces</span>
      <span class="waterfall-room">
        <svg class="waterfall-pieces" viewBox={`0 0 ${WIDTH} 10`} preserveAspectRatio="none" aria-hidden="true">
          <path d={lines} vector-effect="non-scaling-stroke" />
        </svg>
      </span>
      <span class="number">{steps.pieces}</span>
    </li>
  );
}

function Axis({ endMs }: { readonly endMs: number }) {
  return (
    <li class="waterfall-axis" aria-hidden="true">
      <span />
      <span class="waterfall-room">
        {ticksOf(endMs).map((at) => (
          <span key={at} class="waterfall-tick" style={{ left: share(at, endMs) }}>
            {at === 0 ? "0" : formatMs(at)}
          </span>
        ))}
      </span>
      <span />
    </li>
  );
}

function share(part: number, whole: number): string {
  return `${Math.min(100, (100 * part) / Math.max(1, whole)).toFixed(2)}%`;
}
