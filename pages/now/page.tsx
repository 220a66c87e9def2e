import "./now.css";
import { useEffect } from "preact/hooks";
import { formatMs } from "../frame/format.ts";
import { PageHead } from "../frame/page-head.tsx";
import { ErrorNote, Word } from "../frame/parts.tsx";
import { BatchesCard } from "./batches-card.tsx";
import { CacheCard } from "./cache-card.tsx";
import { Charts } from "./charts.tsx";
import { EventsCard } from "./events-card.tsx";
import { follow, view } from "./live.ts";
import { ModelsCard } from "./models-card.tsx";
import { QueueCard } from "./queue-card.tsx";
import { RoutesCard } from "./routes-card.tsx";
import { SlotsCard } from "./slots-card.tsx";
import { Summary } from "./summary.tsx";
import type { LiveView } from "./view.ts";

const MINUTE_MS = 60_000;

/** What the gateway does at this moment. */
export default function Now() {
  useEffect(() => follow(), []);
  const { state, snapshot, isOld, points, events } = view.value;
  return (
    <>
      <PageHead title="Now">
        <Standing {...view.value} />
      </PageHead>
      {(state.type === "refused" || (state.type === "waiting" && snapshot === undefined)) && (
        <ErrorNote error={state.error} />
      )}
      {snapshot !== undefined && (
        <div class={isOld ? "now now-old" : "now"}>
          <Summary snapshot={snapshot} />
          <Charts points={points} events={events} />
          <SlotsCard models={snapshot.models} queue={snapshot.queue} />
          <QueueCard queue={snapshot.queue} models={snapshot.models} />
          {snapshot.batches.length > 0 && <BatchesCard batches={snapshot.batches} />}
          <ModelsCard models={snapshot.models} memory={snapshot.memory} />
          {snapshot.routes.length > 0 && <RoutesCard routes={snapshot.routes} />}
          <div class="now-pair">
            {snapshot.cache !== null && <CacheCard cache={snapshot.cache} />}
            <EventsCard events={events} />
          </div>
        </div>
      )}
    </>
  );
}

/** Whether what is shown is of this second. */
function Standing({ state, snapshot, isOld }: LiveView) {
  const upMs = snapshot === undefined ? undefined : snapshot.point.at - snapshot.started_at;
  return (
    <p class="quiet" aria-live="polite">
      {state.type === "live" && !isOld && upMs !== undefined && (
        <Word kind="good">
          live, up <span aria-live="off">{upMs < MINUTE_MS ? "less than a minute" : formatMs(upMs)}</span>
        </Word>
      )}
      {(state.type === "connecting" || (state.type === "live" && isOld)) && (
        <Word>{snapshot === undefined ? "connecting" : "connecting; what is below is old"}</Word>
      )}
      {state.type === "waiting" && <Word kind="bad">not reached; what is below is old</Word>}
    </p>
  );
}
