import "./models.css";
import { useEffect, useState } from "preact/hooks";
import { formatBytes } from "../frame/format.ts";
import { PageHead } from "../frame/page-head.tsx";
import { Bar, Card, ErrorNote } from "../frame/parts.tsx";
import { Details } from "./details.tsx";
import { failure, isChanging, library, refresh } from "./library.ts";
import { Measured } from "./measured.tsx";
import { ModelTable } from "./model-table.tsx";
import { PullForm } from "./pull-form.tsx";

/** How often it looks again while a model is loaded or unloaded, and otherwise. */
const SOON_MS = 1_000;
const LATER_MS = 10_000;

/** The models of the catalogue and of this machine's disk. */
export default function Models() {
  const [shown, setShown] = useState<string>();
  const pauseMs = isChanging.value ? SOON_MS : LATER_MS;
  useEffect(() => {
    void refresh();
    const timer = setInterval(() => void refresh(), pauseMs);
    return () => clearInterval(timer);
  }, [pauseMs]);
  const { value: found } = library;
  const isServed = ({ served_as: servedAs }: { readonly served_as: string | null }) => servedAs !== null;
  return (
    <>
      <PageHead title="Models">
        <PullForm />
      </PageHead>
      {failure.value !== undefined && <ErrorNote error={failure.value} onRetry={refresh} />}
      {found !== undefined && (
        <div class="models">
          <Memory {...found.memory} />
          <ModelTable
            title="Served"
            models={found.data.filter(isServed)}
            empty="No model of this machine is served. Pull one below; it is served until the gateway stops."
            onShow={setShown}
          />
          <ModelTable
            title="On the disk"
            models={found.data.filter((model) => model.downloaded && !isServed(model))}
            empty="Every model on the disk is served."
            onShow={setShown}
          />
          <Measured />
          <ModelTable
            title="In the catalogue"
            models={found.data.filter((model) => !model.downloaded && !isServed(model))}
            empty="All of the catalogue is here."
            onShow={setShown}
          />
          {found.unusable.length > 0 && (
            <Card title="Files that can't be served">
              <ul class="models-unusable">
                {found.unusable.map(({ file, reason }) => (
                  <li key={file}>
                    <span class="mono">{file}</span>: {reason}
                  </li>
                ))}
              </ul>
            </Card>
          )}
        </div>
      )}
      <Details model={shown} onClose={() => setShown(undefined)} />
    </>
  );
}

type MemoryProps = { readonly budget_bytes: number; readonly held_bytes: number; readonly pinned_bytes: number };

function Memory({ budget_bytes: budget, held_bytes: held, pinned_bytes: pinned }: MemoryProps) {
  return (
    <div class="models-memory">
      <Bar share={budget === 0 ? 0 : held / budget} />
      <p>
        Loaded models take {formatBytes(held)} of the {formatBytes(budget)} that they may
        {pinned > 0 && `, ${formatBytes(pinned)} of it pinned`}.
      </p>
    </div>
  );
}
