import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../frame/parts.tsx";
import { isSending } from "./sending.ts";

type EditorProps = {
  readonly text: string;
  readonly label: string;
  readonly done: string;
  /** Whether Enter is the end, as in the field below; else it begins a line. */
  readonly isSentByEnter?: boolean;
  readonly onDone: (text: string) => void;
  readonly onCancel: () => void;
};

/** Edits a message in its place. */
export function Editor({ text, label, done, isSentByEnter = false, onDone, onCancel }: EditorProps) {
  const [value, setValue] = useState(text);
  const area = useRef<HTMLTextAreaElement>(null);
  // Before the field is shown: who types or selects at once isn't put back to the end.
  useLayoutEffect(() => {
    area.current?.focus();
    area.current?.setSelectionRange(text.length, text.length);
  }, [text]);
  const finish = () => {
    if (value.trim() !== "") onDone(value);
  };
  return (
    <div class="editor">
      <textarea
        ref={area}
        aria-label={label}
        rows={Math.min(16, Math.max(3, value.split("\n").length + 1))}
        value={value}
        onInput={(event) => setValue(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.isComposing) return;
          if (event.key === "Escape") {
            event.stopPropagation();
            onCancel();
          } else if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) finish();
          else if (isSentByEnter && isSending(event)) {
            event.preventDefault();
            finish();
          }
        }}
      />
      <div class="editor-acts">
        <Button kind="quiet" onClick={onCancel}>
          Cancel
        </Button>
        <Button kind="primary" disabled={value.trim() === ""} onClick={finish}>
          {done}
        </Button>
      </div>
    </div>
  );
}
