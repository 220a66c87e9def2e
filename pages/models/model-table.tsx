import { useState } from "preact/hooks";
import { formatBytes, formatMs, formatShare } from "../frame/format.ts";
import { Bar, Button, Card, Dialog, Empty, Table, Word } from "../frame/parts.tsx";
import { wordFor } from "../frame/words.ts";
import { fitFor } from "./fit.ts";
import { forgetPull, type LibraryModel, load, pin, pull, pulls, remove, stopPull, unload } from "./library.ts";

type ModelTableProps = {
  readonly title: string;
  readonly models: readonly LibraryModel[];
  readonly empty: string;
  readonly onShow: (model: string) => void;
};

/** Models, and what can be done with each. */
export function ModelTable({ title, models, empty, onShow }: ModelTableProps) {
  return (
    <Card title={title}>
      {models.length === 0 ? (
        <Empty>{empty}</Empty>
      ) : (
        <Table
          caption={title}
          rows={models}
          keyOf={({ name }) => name}
          columns={[
            { title: "Model", cell: (model) => <Name model={model} onShow={onShow} /> },
            { title: "Parameters", isNumber: true, cell: ({ parameters }) => parameters },
            { title: "Quantization", cell: ({ quantization }) => quantization },
            { title: "File", isNumber: true, cell: (model) => <Size model={model} /> },
            { title: "Memory", isNumber: true, cell: ({ memory_bytes: bytes }) => formatBytes(bytes ?? undefined) },
            { title: "State", cell: (model) => <State model={model} /> },
            { title: "Actions", cell: (model) => <Actions model={model} /> },
          ]}
        />
      )}
    </Card>
  );
}

function Name({ model, onShow }: { readonly model: LibraryModel; readonly onShow: (model: string) => void }) {
  const { name, served_as: servedAs, description } = model;
  return (
    <div class="models-name">
      {servedAs === null ? (
        <strong>{name}</strong>
      ) : (
        <button type="button" class="models-link" onClick={() => onShow(servedAs)}>
          {name}
        </button>
      )}
      {description !== null && <div class="quiet">{description}</div>}
    </div>
  );
}

function Size({ model: { size_bytes: bytes, size_estimated: isEstimated } }: { readonly model: LibraryModel }) {
  return (
    <>
      {isEstimated && "about "}
      {formatBytes(bytes ?? undefined)}
    </>
  );
}

function State({ model }: { readonly model: LibraryModel }) {
  const { state, pinned, unload_in_ms: unloadMs } = model;
  const isHere = state === "ready" || state === "loading" || state === "restarting" || state === "failed";
  const fit = fitFor(model);
  return (
    <>
      {state !== null && (
        <Word kind={wordFor({ state, upstream: null }).kind}>{wordFor({ state, upstream: null }).word}</Word>
      )}
      {pinned && <div class="quiet">pinned</div>}
      {!pinned && unloadMs !== null && <div class="quiet">unloads in {formatMs(unloadMs)}</div>}
      {!isHere && (
        <div>
          {state === null && <Word kind={fit.kind}>{fit.word}</Word>}
          {state !== null && fit.kind !== "good" && fit.word}
          {fit.why !== "" && <div class="quiet">{fit.why}</div>}
        </div>
      )}
    </>
  );
}

function Actions({ model }: { readonly model: LibraryModel }) {
  const { name, served_as: id, state, pinned, downloaded, in_settings: isGiven } = model;
  const [isAsked, setIsAsked] = useState(false);
  const pulling = pulls.value.get(name);
  if (pulling !== undefined) return <Pulling name={name} {...pulling} />;
  if (id === null) {
    return (
      <div class="models-actions">
        <Button
          label={`${downloaded ? "Serve" : "Pull"} ${name}`}
          disabled={!model.fits_on_disk}
          onClick={() => void pull(name)}
        >
          {downloaded ? "Serve" : "Pull"}
        </Button>
      </div>
    );
  }
  const isLoaded = state === "ready" || state === "loading" || state === "restarting";
  return (
    <div class="models-actions">
      {isLoaded ? (
        <Button label={`Unload ${name}`} onClick={() => void unload(id)}>
          Unload
        </Button>
      ) : (
        <Button label={`Load ${name}`} disabled={state === "unloading"} onClick={() => void load(id)}>
          Load
        </Button>
      )}
      {isLoaded && (
        <Button label={`${pinned ? "Unpin" : "Pin"} ${name}`} onClick={() => void pin(id, !pinned)}>
          {pinned ? "Unpin" : "Pin"}
        </Button>
      )}
      {!isGiven && (
        <Button kind="quiet" label={`Delete ${name}`} onClick={() => setIsAsked(true)}>
          Delete
        </Button>
      )}
      <Dialog title={`Delete ${name}?`} isOpen={isAsked} onClose={() => setIsAsked(false)}>
        <p>Its file is removed from this machine's disk. Requests in progress are cut off.</p>
        <div class="dialog-actions">
          <Button onClick={() => setIsAsked(false)}>Keep it</Button>
          <Button
            kind="danger"
            onClick={() => {
              setIsAsked(false);
              void remove(id);
            }}
          >
            Delete
          </Button>
        </div>
      </Dialog>
    </div>
  );
}

type PullingProps = {
  readonly name: string;
  readonly status: string;
  readonly share: number | undefined;
  readonly error?: unknown;
};

function Pulling({ name, status, share, error }: PullingProps) {
  if (error !== undefined) {
    return (
      <div class="models-pull">
        <Word kind="bad">failed</Word>
        <span>{error instanceof Error ? error.message : String(error)}</span>
        <Button label={`Pull ${name} again`} onClick={() => void pull(name)}>
          Try again
        </Button>
        <Button kind="quiet" label={`Forget the failed pull of ${name}`} onClick={() => forgetPull(name)}>
          Forget
        </Button>
      </div>
    );
  }
  return (
    <div class="models-pull" aria-live="polite">
      <Bar share={share ?? 0} />
      <span>
        {status} {share !== undefined && formatShare(share)}
      </span>
      <Button kind="quiet" label={`Stop pulling ${name}`} onClick={() => stopPull(name)}>
        Stop
      </Button>
    </div>
  );
}
