import { useEffect, useState } from "preact/hooks";
import type { RequestDetail } from "../../src/telemetry/requests/wire.ts";
import { formatDate, formatMs, formatNumber, formatTime, NOTHING } from "../frame/format.ts";
import { InPlace } from "../frame/in-place.tsx";
import { Button, ErrorNote, Figure, Figures } from "../frame/parts.tsx";
import { choose, fetchRequest, toldTokens } from "./data.ts";
import { Doctor } from "./doctor.tsx";
import { Waterfall } from "./waterfall.tsx";

/** While a request runs, or the doctor has not looked yet, it is asked for again. */
const REFRESH_MS = 1_000;
const DOCTORS_MS = 15_000;

/** One request with all that is known of it. */
export function Detail({ id }: { readonly id: string }) {
  const { request, error } = useRequest(id);
  return (
    <section class="request" aria-label="The request">
      <div class="request-head">
        <div class="quiet">
          <span class="mono">{id}</span>
          {request !== undefined &&
            ` · ${formatDate(request.created_ms).slice(0, 10)} ${formatTime(request.created_ms)}`}
        </div>
        <Button kind="quiet" onClick={() => choose(undefined)}>
          Close
        </Button>
      </div>
      {error !== undefined && <ErrorNote error={error} />}
      {request !== undefined && request.id === id && <Shown request={request} />}
    </section>
  );
}

function useRequest(id: string) {
  const [request, setRequest] = useState<RequestDetail>();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    const left = new AbortController();
    let timer: number | undefined;
    async function read(): Promise<void> {
      try {
        const found = await fetchRequest(id, left.signal);
        setRequest(found);
        setError(undefined);
        if (!isSettled(found)) timer = window.setTimeout(read, REFRESH_MS);
      } catch (thrown) {
        if (!left.signal.aborted) setError(thrown);
      }
    }
    void read();
    return () => {
      left.abort();
      clearTimeout(timer);
    };
  }, [id]);
  return { request, error };
}

function isSettled({ state, prefix, created_ms: createdMs, duration_ms: durationMs }: RequestDetail): boolean {
  if (state === "waiting" || state === "running") return false;
  return prefix !== null || Date.now() - createdMs - durationMs > DOCTORS_MS;
}

function Shown({ request }: { readonly request: RequestDetail }) {
  const { why, first_token_ms: firstMs, duration_ms: allMs, completion_tokens: tokens, queue_ms: queueMs } = request;
  const written = toldTokens(request, tokens);
  const decodeMs = request.spans.find(({ type }) => type === "decode" || type === "answer");
  const rate = decodeMs === undefined ? undefined : (1_000 * tokens) / (decodeMs.end_ms - decodeMs.start_ms);
  return (
    <>
      <p class="request-why">{why}</p>
      <Figures>
        <Figure name="First token" value={formatMs(firstMs ?? undefined)} />
        <Figure name="In all" value={formatMs(allMs)} />
        <Figure name="Waited" value={formatMs(queueMs ?? undefined)} />
        <Figure
          name="Answer"
          value={written === undefined ? undefined : formatNumber(written)}
          unit="tokens"
          note={rate && written !== undefined && `${formatNumber(rate)} a second`}
        />
      </Figures>
      <Waterfall request={request} />
      <Doctor finding={request.prefix} />
      <Reasons request={request} />
      <Asked request={request} />
      <Facts request={request} />
    </>
  );
}

/** What the time was spent for, where that is more than one thing. */
function Reasons({ request: { reasons } }: { readonly request: RequestDetail }) {
  const [, ...others] = reasons;
  if (others.length === 0) return null;
  return (
    <section class="request-part">
      <h2>What took time</h2>
      <ol class="request-reasons">
        {reasons.map(({ cause, ms, sentence }) => (
          <li key={cause}>
            <span class="number">{formatMs(ms)}</span>
            <span>{sentence}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** Who was asked, if that was more than one. */
function Asked({ request: { targets, tries, retries } }: { readonly request: RequestDetail }) {
  if (targets.length === 0 && retries.length === 0) return null;
  return (
    <section class="request-part">
      <h2>Who was asked</h2>
      <ul class="request-reasons">
        {targets.map(({ target, outcome, reason }) => {
          const at = tries.find((each) => each.target === target)?.at_ms;
          return (
            <li key={target}>
              <span class="number">{at === undefined ? "" : formatMs(at)}</span>
              <span>
                <strong>{target}</strong> {outcome}
                {reason !== null && <span class="quiet"> ({reason})</span>}
              </span>
            </li>
          );
        })}
        <InPlace items={retries}>
          {({ upstream, status, pause_ms: pauseMs }) => (
            <li>
              <span class="number">{formatMs(pauseMs)}</span>
              <span>
                pause before <strong>{upstream}</strong> was asked again
                <span class="quiet"> ({status ?? "not reached"})</span>
              </span>
            </li>
          )}
        </InPlace>
      </ul>
    </section>
  );
}

function Facts({ request }: { readonly request: RequestDetail }) {
  const { prompt_tokens: all, cached_tokens: held, completion_tokens: written, reasoning_tokens: reasoning } = request;
  const facts: readonly (readonly [string, string | null])[] = [
    ["Model", request.model],
    ["Route", request.route],
    ["Path", request.path && `${request.path}${request.status === null ? "" : ` → ${request.status}`}`],
    ["Error", request.error],
    ["Class", request.class],
    ["Key", request.key?.name ?? null],
    ["Preset", request.preset],
    [
      "Prompt",
      toldTokens(request, all) === undefined
        ? NOTHING
        : `${formatNumber(all)} tokens, ${formatNumber(held)} of them held`,
    ],
    [
      "Answer",
      toldTokens(request, written) === undefined
        ? NOTHING
        : `${formatNumber(written)} tokens${reasoning > 0 ? `, ${formatNumber(reasoning)} of them reasoning` : ""}`,
    ],
    ["Answers wanted", request.choices > 1 ? formatNumber(request.choices) : null],
    ["Limit of the answer", request.max_tokens === null ? null : `${formatNumber(request.max_tokens)} tokens`],
    ["Cache", request.cache],
    ["Cost", request.cost === null ? null : `$${request.cost.toPrecision(2)}`],
    ["Energy", request.energy_joules === null ? null : `${formatNumber(request.energy_joules)} J`],
  ];
  return (
    <section class="request-part">
      <h2>Facts</h2>
      <dl class="request-facts">
        {facts.map(
          ([name, value]) =>
            value !== null && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
    </section>
  );
}
