import { useComputed } from "@preact/signals";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { SCROLLS } from "../../frame/parts.tsx";
import { pathTo } from "../conversation/tree.ts";
import type { Chat } from "../state/chat.ts";
import { Answer } from "./answer.tsx";
import { Question } from "./question.tsx";

/** So many messages are shown at first: a long conversation opens as fast as a short one. */
const SHOWN = 60;

/** Nearer to the end than this counts as at the end. */
const NEAR_PX = 48;

/** The messages of one thread. While the reader is at its end, the end stays in sight; else nothing moves. */
export function Thread({ chat, lane }: { readonly chat: Chat; readonly lane: number }) {
  const path = useComputed(() => pathTo(chat.tree.value, chat.current.value.lanes[lane]?.head ?? null)).value;
  const [shown, setShown] = useState(SHOWN);
  const [isAway, setIsAway] = useState(false);
  const room = useRef<HTMLElement>(null);
  const text = useRef<HTMLDivElement>(null);
  const isPinned = useRef(true);
  const lastTop = useRef(0);
  const seen = useRef<string | undefined>(undefined);

  const toEnd = useCallback(() => {
    isPinned.current = true;
    room.current?.scrollTo({ top: room.current.scrollHeight });
  }, []);
  // A conversation begins at its end, and what the reader sends is where the reader wants to be.
  const last = path.at(-1);
  const begun = last?.role === "assistant" && last.state === "writing" ? last.id : "";
  useLayoutEffect(() => {
    if (seen.current === begun) return;
    seen.current = begun;
    toEnd();
  }, [begun, toEnd]);
  useEffect(() => {
    if (text.current === null) return;
    const observer = new ResizeObserver(() => {
      if (isPinned.current) toEnd();
    });
    observer.observe(text.current);
    return () => observer.disconnect();
  }, [toEnd]);

  const model = chat.current.value.lanes[lane]?.model ?? "";
  const isCompared = chat.current.value.lanes.length > 1;
  const hidden = Math.max(0, path.length - shown);
  return (
    <div class="thread">
      <section
        class="thread-room"
        aria-label={isCompared ? `Messages ${lane + 1}, ${model}` : "Messages"}
        {...SCROLLS}
        ref={room}
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
          // Only the reader goes up: what grows below the end doesn't move it.
          if (scrollTop < lastTop.current) isPinned.current = false;
          if (scrollHeight - scrollTop - clientHeight < NEAR_PX) isPinned.current = true;
          lastTop.current = scrollTop;
          setIsAway(!isPinned.current);
        }}
      >
        <div class="thread-text" ref={text}>
          {isCompared && <h2 class="thread-model">{model}</h2>}
          {hidden > 0 && (
            <button class="act thread-more" type="button" onClick={() => setShown(shown + SHOWN)}>
              Show earlier messages ({hidden})
            </button>
          )}
          {path
            .slice(hidden)
            .map((message) =>
              message.role === "assistant" ? (
                <Answer key={message.id} chat={chat} lane={lane} message={message} isLast={message === last} />
              ) : (
                <Question key={message.id} chat={chat} lane={lane} message={message} />
              ),
            )}
        </div>
      </section>
      {isAway && (
        <button class="thread-end" type="button" onClick={toEnd}>
          ↓ To the end
        </button>
      )}
    </div>
  );
}
