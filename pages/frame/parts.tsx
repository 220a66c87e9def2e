import "./parts.css";
import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { ApiError } from "../api/fetch.ts";
import { keyWanted } from "../api/key.ts";
import { NOTHING } from "./format.ts";

type ButtonProps = {
  readonly kind?: "plain" | "primary" | "danger" | "quiet";
  readonly type?: "button" | "submit";
  readonly disabled?: boolean | undefined;
  /** What it does, where its text alone doesn't say. */
  readonly label?: string | undefined;
  readonly onClick?: (() => void) | undefined;
  readonly children: ComponentChildren;
};

/** A button. One on a page is `primary` at most. */
export function Button({ kind = "plain", type = "button", disabled, label, onClick, children }: ButtonProps) {
  return (
    <button
      class={`button button-${kind}`}
      type={type}
      disabled={disabled ?? false}
      aria-label={label}
      title={label}
      onClick={onClick}
    >
      {children}
    </button>
  );
}

type CardProps = {
  readonly title: string;
  /** A few words beside the title. */
  readonly note?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
};

/** A part of a page under a title. */
export function Card({ title, note, class: more, children }: CardProps) {
  const id = useId();
  return (
    <section class={more === undefined ? "card" : `card ${more}`} aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>{title}</h2>
        {note !== undefined && <div class="card-note">{note}</div>}
      </div>
      {children}
    </section>
  );
}

type FigureProps = {
  readonly name: string;
  readonly value: string | undefined;
  readonly unit?: string;
  readonly note?: ComponentChildren;
};

/** A number that should be seen from afar. Stands in `Figures`. */
export function Figure({ name, value, unit, note }: FigureProps) {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd>
        {value ?? NOTHING}
        {value !== undefined && unit !== undefined && <span class="figure-unit">{unit}</span>}
        {note !== undefined && <div class="figure-note">{note}</div>}
      </dd>
    </div>
  );
}

/** A row of figures. */
export function Figures({ children }: { readonly children: ComponentChildren }) {
  return <dl class="figures">{children}</dl>;
}

export { Table } from "./table.tsx";

/** What stands where there is nothing yet, and says how there could be something. */
export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

type NoteProps = {
  readonly error: unknown;
  readonly kind?: "bad" | "warn";
  readonly onRetry?: (() => void) | undefined;
  readonly onDismiss?: (() => void) | undefined;
};

/** What went wrong, in the gateway's own words, and a way to try again. Where a key would help, a way to give one. */
export function ErrorNote({ error, kind = "bad", onRetry, onDismiss }: NoteProps) {
  const reason = error instanceof ApiError ? error.keyReason : undefined;
  if (reason !== undefined) return <KeyNote reason={reason} />;
  return (
    <div class={kind === "warn" ? "note note-warn" : "note"} role={kind === "warn" ? "status" : "alert"}>
      <span>{error instanceof Error ? error.message : String(error)}</span>
      {onRetry !== undefined && <Button onClick={onRetry}>Try again</Button>}
      {onDismiss !== undefined && <Button onClick={onDismiss}>Dismiss</Button>}
    </div>
  );
}

/** Says it once: while the dialog is open, that does. */
function KeyNote({ reason }: { readonly reason: string }) {
  if (keyWanted.value !== undefined) return null;
  return (
    <div class="note note-warn" role="status">
      <span>{reason}</span>
      <Button
        onClick={() => {
          keyWanted.value = reason;
        }}
      >
        Give a key
      </Button>
    </div>
  );
}

type WordProps = { readonly kind?: "good" | "warn" | "bad" | "plain"; readonly children: ComponentChildren };

/** A state in a word, with a dot whose colour says the same. */
export function Word({ kind = "plain", children }: WordProps) {
  return <span class={`word word-${kind}`}>{children}</span>;
}

/** How much of something is used or done; the text beside it has to say it, too. */
export function Bar({ share }: { readonly share: number }) {
  const width = `${Math.round(Math.min(1, Math.max(0, share)) * 1000) / 10}%`;
  return (
    <span class="bar" aria-hidden="true">
      <span style={{ width }} />
    </span>
  );
}

type DialogProps = {
  readonly title: string;
  readonly isOpen: boolean;
  /** By Escape as well. */
  readonly onClose: () => void;
  readonly children: ComponentChildren;
};

/** A dialog of the browser's own kind: it holds the focus, and gives it back. */
export function Dialog({ title, isOpen, onClose, children }: DialogProps) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  // The browser tells of a close later, when the dialog may be open again: only the reader's own is passed on.
  const ownCloses = useRef(0);
  useLayoutEffect(() => {
    const { current } = dialog;
    if (current === null || current.open === isOpen) return;
    if (isOpen) {
      current.showModal();
      return;
    }
    ownCloses.current += 1;
    current.close();
  }, [isOpen]);
  const closed = () => {
    if (ownCloses.current > 0) ownCloses.current -= 1;
    else onClose();
  };
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby={id} onClose={closed}>
      <h2 id={id}>{title}</h2>
      <div class="dialog-body">{isOpen && children}</div>
    </dialog>
  );
}

/** For what scrolls: it must be reachable by keyboard (axe: scrollable-region-focusable). */
export const SCROLLS = { tabIndex: 0 } as const;

type FieldProps = { readonly label: string; readonly children: ComponentChildren };

/** A labelled input. */
export function Field({ label, children }: FieldProps) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is among the children
    <label class="field">
      <span>{label}</span>
      {children}
    </label>
  );
}
