import { useState } from "preact/hooks";
import { formatBytes } from "../frame/format.ts";
import { Button, Dialog, ErrorNote, Field } from "../frame/parts.tsx";
import { refresh } from "./batches.ts";
import { endpointOf } from "./first-line.ts";
import { startBatch } from "./start.ts";

const WINDOWS = [
  ["1h", "an hour"],
  ["24h", "24 hours"],
  ["7d", "7 days"],
] as const;

type NewBatchDialogProps = { readonly isOpen: boolean; readonly onClose: () => void };

/** Begins a batch with a file of this machine. */
export function NewBatchDialog({ isOpen, onClose }: NewBatchDialogProps) {
  return (
    <Dialog title="New batch" isOpen={isOpen} onClose={onClose}>
      <BatchForm onClose={onClose} />
    </Dialog>
  );
}

type Chosen = { readonly file: File; readonly endpoint: string };

function BatchForm({ onClose }: Pick<NewBatchDialogProps, "onClose">) {
  const [chosen, setChosen] = useState<Chosen>();
  const [error, setError] = useState<unknown>();
  const [isSent, setIsSent] = useState(false);
  const choose = (file: File | undefined) => {
    setChosen(undefined);
    setError(undefined);
    if (file !== undefined) endpointOf(file).then((endpoint) => setChosen({ file, endpoint }), setError);
  };
  return (
    <form
      class="batches-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (chosen === undefined) return;
        const window = String(new FormData(event.currentTarget).get("window"));
        setIsSent(true);
        setError(undefined);
        startBatch(chosen.file, chosen.endpoint, window)
          .then(() => {
            void refresh();
            onClose();
          }, setError)
          .finally(() => setIsSent(false));
      }}
    >
      <Field label="File, with a request on each line (JSONL)">
        <input
          type="file"
          accept=".jsonl,.ndjson,.json,application/jsonl"
          required
          onChange={({ currentTarget }) => choose(currentTarget.files?.[0])}
        />
      </Field>
      <p class="quiet" aria-live="polite">
        {chosen === undefined
          ? "Its requests run when nobody else waits, and go on after a restart."
          : `${formatBytes(chosen.file.size)} of requests to ${chosen.endpoint}.`}
      </p>
      <Field label="Requests without an answer fail after">
        <select name="window">
          {WINDOWS.map(([value, words]) => (
            <option key={value} value={value} selected={value === "24h"}>
              {words}
            </option>
          ))}
        </select>
      </Field>
      {error !== undefined && <ErrorNote error={error} />}
      <div class="dialog-actions">
        <Button onClick={onClose}>Close</Button>
        <Button kind="primary" type="submit" disabled={isSent || chosen === undefined}>
          {isSent ? "Uploading …" : "Start"}
        </Button>
      </div>
    </form>
  );
}
