import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { count } from "../../frame/format.ts";
import { Button, ErrorNote } from "../../frame/parts.tsx";
import { saveFile } from "../../frame/save.ts";
import type { Conversation } from "../conversation/message.ts";
import type { Chat } from "../state/chat.ts";
import { newId } from "../state/ids.ts";
import { Act } from "./act.tsx";

type ListProps = { readonly chat: Chat; readonly onChosen: () => void };

/** The conversations of this browser. */
export function ConversationList({ chat, onChosen }: ListProps) {
  const [words, setWords] = useState("");
  const [found, setFound] = useState<ReadonlySet<string>>();
  const [error, setError] = useState<unknown>();
  const [told, setTold] = useState("");
  const [renamed, setRenamed] = useState<string>();
  const all = chat.conversations.value;
  // What is said of the last act goes with the next.
  const current = chat.current.value.id;
  // Before paint, so that what the next act says stays.
  // biome-ignore lint/correctness/useExhaustiveDependencies: another conversation is another act
  useLayoutEffect(() => {
    setError(undefined);
    setTold("");
  }, [current, renamed, words]);
  const shown = found === undefined ? all : all.filter(({ id }) => found.has(id));

  useEffect(() => {
    if (words.trim() === "" || all.length === 0) {
      setFound(undefined);
      return;
    }
    const controller = new AbortController();
    chat.search(words, controller.signal).then(
      (ids) => controller.signal.aborted || setFound(ids),
      (reason: unknown) => setError(reason),
    );
    return () => controller.abort();
  }, [chat, words, all.length]);

  return (
    <section class="list" aria-label="Conversations">
      <div class="list-close">
        <Act onClick={onChosen}>Close</Act>
      </div>
      <Button
        onClick={() => {
          chat.begin();
          onChosen();
        }}
      >
        New conversation
      </Button>
      <input
        type="search"
        aria-label="Search the conversations"
        placeholder="Search"
        value={words}
        onInput={({ currentTarget: { value } }) => setWords(value)}
      />
      {error !== undefined && <ErrorNote error={error} onDismiss={() => setError(undefined)} />}
      <p class="quiet" role="status" hidden={told === ""}>
        {told}
      </p>
      <ul class="list-items">
        {shown.map((conversation) =>
          renamed === conversation.id ? (
            <Renaming
              key={conversation.id}
              chat={chat}
              conversation={conversation}
              onEnd={() => setRenamed(undefined)}
            />
          ) : (
            <Item
              key={conversation.id}
              chat={chat}
              conversation={conversation}
              onChosen={onChosen}
              onRename={() => setRenamed(conversation.id)}
            />
          ),
        )}
      </ul>
      {shown.length === 0 && (
        <p class="quiet">{words.trim() === "" ? "Conversations are kept in this browser." : "None has these words."}</p>
      )}
      <Transfer
        chat={chat}
        onBegin={() => {
          setError(undefined);
          setTold("");
        }}
        onError={setError}
        onDone={setTold}
      />
    </section>
  );
}

type ItemProps = ListProps & { readonly conversation: Conversation; readonly onRename: () => void };

function Item({ chat, conversation, onChosen, onRename }: ItemProps) {
  const { id, title } = conversation;
  const isOpen = chat.current.value.id === id;
  return (
    <li class={isOpen ? "list-item list-item-open" : "list-item"}>
      <button
        class="list-title"
        type="button"
        aria-current={isOpen ? "true" : undefined}
        onClick={() => {
          void chat.open(id);
          onChosen();
        }}
      >
        {title}
      </button>
      <span class="list-acts">
        <Act label={`Rename “${title}”`} onClick={onRename}>
          Rename
        </Act>
        <Act label={`Delete “${title}”`} onClick={() => void chat.remove(id)}>
          Delete
        </Act>
      </span>
    </li>
  );
}

type RenamingProps = { readonly chat: Chat; readonly conversation: Conversation; readonly onEnd: () => void };

function Renaming({ chat, conversation: { id, title }, onEnd }: RenamingProps) {
  const field = useRef<HTMLInputElement>(null);
  // Before the field is shown, so that what is typed at once stays whole.
  useLayoutEffect(() => field.current?.select(), []);
  const finish = (value: string) => {
    chat.rename(id, value);
    onEnd();
  };
  return (
    <li class="list-item">
      <input
        ref={field}
        type="text"
        aria-label="Name of the conversation"
        maxLength={200}
        defaultValue={title}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.isComposing) finish(event.currentTarget.value);
          else if (event.key === "Escape") {
            event.stopPropagation();
            onEnd();
          }
        }}
        onBlur={({ currentTarget: { value } }) => finish(value)}
      />
    </li>
  );
}

type TransferProps = {
  readonly chat: Chat;
  readonly onBegin: () => void;
  readonly onError: (error: unknown) => void;
  readonly onDone: (told: string) => void;
};

/** Export to a file, and import from one. What does both is loaded when it is used. */
function Transfer({ chat, onBegin, onError, onDone }: TransferProps) {
  const file = useRef<HTMLInputElement>(null);
  const save = async () => {
    const { writeExport } = await import("../storage/transfer.ts");
    const now = new Date();
    const text = writeExport(await chat.readAll(), now);
    saveFile(
      `sluice-conversations-${now.toISOString().slice(0, 10)}.json`,
      new Blob([text], { type: "application/json" }),
    );
  };
  const load = async (chosen: File) => {
    const { ImportError, MAX_IMPORT_BYTES, readExport, withoutKnown } = await import("../storage/transfer.ts");
    if (chosen.size > MAX_IMPORT_BYTES) throw new ImportError("The file is larger than 256 MiB, which no export is.");
    const read = readExport(await chosen.text(), newId);
    const added = withoutKnown(read, await chat.readAll());
    await chat.add(added);
    const known = read.length - added.length;
    const skipped =
      known === 0
        ? ""
        : ` ${count(known, "conversation")} skipped: the same ${known === 1 ? "is" : "are"} here already.`;
    onDone(`${count(added.length, "conversation")} imported.${skipped}`);
  };
  return (
    <div class="list-foot">
      <Act onClick={() => file.current?.click()}>Import</Act>
      <Act
        disabled={chat.conversations.value.length === 0}
        onClick={() => {
          onBegin();
          void save().catch(onError);
        }}
      >
        Export
      </Act>
      <input
        ref={file}
        type="file"
        hidden
        aria-label="File to import"
        accept="application/json,.json"
        onChange={({ currentTarget }) => {
          const [chosen] = currentTarget.files ?? [];
          // The same file may be chosen again.
          onBegin();
          if (chosen !== undefined)
            void load(chosen)
              .catch(onError)
              .finally(() => (currentTarget.value = ""));
        }}
      />
    </div>
  );
}
