import { useEffect } from "preact/hooks";
import type { Chat } from "../state/chat.ts";
import { Act } from "./act.tsx";

const SHOWN_MS = 12_000;

/** Says that a conversation was deleted, and takes that back. */
export function Undo({ chat }: { readonly chat: Chat }) {
  const deleted = chat.deleted.value;
  useEffect(() => {
    if (deleted === undefined) return;
    const timer = setTimeout(chat.forgetDeleted, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [chat, deleted]);
  return (
    <div class="undo-room" role="status">
      {deleted !== undefined && (
        <div class="undo">
          <span>“{deleted.conversation.title}” was deleted.</span>
          <Act onClick={() => void chat.restore()}>Undo</Act>
        </div>
      )}
    </div>
  );
}
