import "./chat.css";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import { InPlace } from "../frame/in-place.tsx";
import { ErrorNote } from "../frame/parts.tsx";
import { Bar, type Panel } from "./parts/bar.tsx";
import { Composer } from "./parts/composer.tsx";
import { ConversationList } from "./parts/list.tsx";
import { SettingsPanel } from "./parts/settings.tsx";
import { Thread } from "./parts/thread.tsx";
import { Undo } from "./parts/undo.tsx";
import { loadModels, models, modelsError, openChat, rememberModel } from "./state/browser.ts";
import type { Chat } from "./state/chat.ts";

/** The page for trying models by hand. */
export default function ChatPage() {
  const [chat, setChat] = useState<Chat>();
  useEffect(() => {
    let isGone = false;
    void openChat().then(async (opened) => {
      await openWanted(opened);
      if (!isGone) setChat(opened);
    });
    return () => {
      isGone = true;
    };
  }, []);
  return chat === undefined ? null : <OpenChat chat={chat} />;
}

function OpenChat({ chat }: { readonly chat: Chat }) {
  const [panel, setPanel] = useState<Panel>();
  const { id, lanes, title } = chat.current.value;
  const known = models.value ?? [];
  useEffect(() => {
    const [first] = lanes;
    if (first === undefined) return;
    if (first.model === "" && known[0] !== undefined) chat.setModel(0, known[0].id);
    else if (first.model !== "") rememberModel(first.model);
  }, [chat, lanes, known]);
  useAddress(chat);

  const isEmpty = lanes.every(({ head }) => head === null);
  return (
    <div class="chat" data-panel={panel}>
      <h1 class="unseen">{title === "" ? "New conversation" : title}</h1>
      <ConversationList chat={chat} onChosen={() => setPanel(undefined)} />
      <div class="chat-main">
        <Bar chat={chat} models={known} panel={panel} onPanel={setPanel} />
        {modelsError.value !== undefined && <ErrorNote error={modelsError.value} onRetry={() => void loadModels()} />}
        {chat.storageProblem.value !== undefined && <ErrorNote kind="warn" error={chat.storageProblem.value} />}
        {isEmpty ? (
          <div class="chat-empty">
            <p>Ask {lanes.length > 1 ? "both models" : "the model"} something.</p>
            <p class="quiet">What you write is sent to this gateway alone, and kept in this browser.</p>
          </div>
        ) : (
          <div key={id} class={lanes.length > 1 ? "lanes lanes-two" : "lanes"}>
            <InPlace items={lanes}>{(_, lane) => <Thread chat={chat} lane={lane} />}</InPlace>
          </div>
        )}
        <Composer key={id} chat={chat} onSettings={() => setPanel("settings")} />
        <Undo chat={chat} />
        <div class="unseen" role="status">
          {chat.isWriting.value ? "The model is answering." : chat.news.value}
        </div>
      </div>
      {panel === "settings" && <SettingsPanel chat={chat} models={known} onClose={() => setPanel(undefined)} />}
    </div>
  );
}

/** Opens the conversation that the address names. */
async function openWanted(chat: Chat): Promise<void> {
  const wanted = /^#c=(\w+)$/.exec(location.hash)?.[1];
  if (wanted !== undefined && wanted !== chat.current.peek().id) await chat.open(wanted);
}

/** The open conversation is in the address: a reload, a bookmark and the browser's buttons lead to it. */
function useAddress(chat: Chat): void {
  const { id, lanes } = chat.current.value;
  const isBegun = lanes.some(({ head }) => head !== null);
  useEffect(() => {
    const open = () => void openWanted(chat);
    addEventListener("hashchange", open);
    return () => removeEventListener("hashchange", open);
  }, [chat]);
  // Before the page is painted: a reader who sees the message may load the page again.
  useLayoutEffect(() => {
    const hash = isBegun ? `#c=${id}` : "";
    if (location.hash === hash) return;
    const to = `${location.pathname}${location.search}${hash}`;
    if (hash === "" || location.hash === "") history.replaceState(null, "", to);
    else history.pushState(null, "", to);
  }, [id, isBegun]);
}
