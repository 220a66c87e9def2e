import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../frame/parts.tsx";
import { findProblems } from "../conversation/settings.ts";
import type { Chat } from "../state/chat.ts";
import { isSending } from "./sending.ts";

type ComposerProps = { readonly chat: Chat; readonly onSettings: () => void };

/** A text that wasn't sent yet lives as long as its tab. */
const STORED_AS = "sluice-chat-unsent";

/** Where the user writes. Enter sends, Shift+Enter begins a line, Escape stops the answer. */
export function Composer({ chat, onSettings }: ComposerProps) {
  const [text, setText] = useState(() => sessionStorage.getItem(STORED_AS) ?? "");
  const area = useRef<HTMLTextAreaElement>(null);
  const isWriting = chat.isWriting.value;
  const { settings, lanes } = chat.current.value;
  const problems = findProblems(settings);
  const hasModel = lanes.every(({ model }) => model !== "");

  // All before paint: what is seen can be typed into, and is kept.
  useLayoutEffect(() => sessionStorage.setItem(STORED_AS, text), [text]);
  useLayoutEffect(() => area.current?.focus({ preventScroll: true }), []);
  useLayoutEffect(() => growTo(area.current, text), [text]);
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isInDialog = event.target instanceof Element && event.target.closest("dialog") !== null;
      if (event.key === "Escape" && !event.defaultPrevented && !isInDialog) chat.stop();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [chat]);

  const send = () => {
    if (text.trim() === "" || isWriting || problems.length > 0 || !hasModel) return;
    chat.send(text);
    setText("");
    area.current?.focus();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {problems.length > 0 && (
        <div class="composer-problem">
          <ul>
            {problems.map(({ field, message }) => (
              <li key={field}>{message}</li>
            ))}
          </ul>
          <button class="act" type="button" onClick={onSettings}>
            Open the settings
          </button>
        </div>
      )}
      <div class="composer-box">
        <textarea
          ref={area}
          aria-label="Message"
          placeholder="Message"
          rows={1}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (!isSending(event)) return;
            event.preventDefault();
            send();
          }}
        />
        {isWriting ? (
          <Button onClick={() => chat.stop()}>Stop</Button>
        ) : (
          <Button kind="primary" type="submit" disabled={text.trim() === "" || problems.length > 0 || !hasModel}>
            Send
          </Button>
        )}
      </div>
    </form>
  );
}

/** Makes a field as high as its text. */
function growTo(area: HTMLTextAreaElement | null, text: string): void {
  if (area === null) return;
  area.style.height = "auto";
  if (text !== "") area.style.height = `${area.scrollHeight}px`;
}
