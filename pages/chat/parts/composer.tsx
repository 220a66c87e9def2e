import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../frame/parts.tsx";
import { findProblems } from "../conversation/settings.ts";
import type { Chat } from "../state/chat.ts";

type ComposerProps = { readonly chat: Chat; readonly onSettings: () => void };

/** A text that wasn't sent yet lives as long as its tab. */
const STORED_AS = "sluice-chat-unsent";

/** Where the user writes. Enter sends, Shift+Enter begins a line, Escape stops the answer. */
export function Composer({ chat, onSettings }: ComposerProps) {
  const [text, setText] = useState(() => sessionStorage.getItem(STORED_AS) ?? "");
  const area = useRef<HTMLTextAreaElement>(null);
  const isWriting = chat.isWriting.value;
  const { settings, lanes } = chat.current.value;
  const [problem] = findProblems(settings);
  const hasModel = lanes.every(({ model }) => model !== "");

  useEffect(() => sessionStorage.setItem(STORED_AS, text), [text]);
  useEffect(() => area.current?.focus({ preventScroll: true }), []);
  useLayoutEffect(() => growTo(area.current, text), [text]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isInDialog = event.target instanceof Element && event.target.closest("dialog") !== null;
      if (event.key === "Escape" && !event.defaultPrevented && !isInDialog) chat.stop();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [chat]);

  const send = () => {
    if (text.trim() === "" || isWriting || problem !== undefined || !hasModel) return;
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
      {problem !== undefined && (
        <p class="composer-problem">
          {problem.message}{" "}
          <button class="act" type="button" onClick={onSettings}>
            Open the settings
          </button>
        </p>
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
            // Of a phone's keyboard, Enter is the only way to a new line.
            const isPhone = matchMedia("(pointer: coarse)").matches;
            if (event.key !== "Enter" || event.shiftKey || event.isComposing || isPhone) return;
            event.preventDefault();
            send();
          }}
        />
        {isWriting ? (
          <Button onClick={() => chat.stop()}>Stop</Button>
        ) : (
          <Button kind="primary" type="submit" disabled={text.trim() === "" || problem !== undefined || !hasModel}>
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
