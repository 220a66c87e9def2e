import type { ComponentChildren } from "preact";

type ActProps = {
  readonly label?: string;
  readonly isPressed?: boolean;
  readonly disabled?: boolean;
  readonly onClick: () => void;
  readonly children: ComponentChildren;
};

/** A small, quiet button beside what it does something with. */
export function Act({ label, isPressed, disabled = false, onClick, children }: ActProps) {
  return (
    <button class="act" type="button" aria-label={label} aria-pressed={isPressed} disabled={disabled} onClick={onClick}>
      {children}
    </button>
  );
}
