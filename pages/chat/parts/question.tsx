import { useState } from "preact/hooks";
import type { ToolMessage, UserMessage } from "../conversation/message.ts";
import type { Chat } from "../state/chat.ts";
import { Act } from "./act.tsx";
import { Branches } from "./branches.tsx";
import { CopyAct } from "./copy-act.tsx";
import { Editor } from "./editor.tsx";

type QuestionProps = { readonly chat: Chat; readonly lane: number; readonly message: UserMessage | ToolMessage };

/** What the user wrote: a message, or a tool's result. */
export function Question({ chat, lane, message }: QuestionProps) {
  const [isEdited, setIsEdited] = useState(false);
  const what = message.role === "tool" ? "result" : "message";
  if (isEdited) {
    return (
      <Editor
        text={message.content}
        label={`Your ${what}`}
        done="Send"
        isSentByEnter
        onCancel={() => setIsEdited(false)}
        onDone={(text) => {
          setIsEdited(false);
          chat.edit(lane, message.id, text);
        }}
      />
    );
  }
  return (
    <article class="question" aria-label={message.role === "tool" ? "A tool's result" : "You"}>
      {message.role === "tool" && <div class="question-what">Result</div>}
      <div class={message.role === "tool" ? "question-text mono" : "question-text"}>{message.content}</div>
      <div class="acts">
        <Branches chat={chat} lane={lane} id={message.id} />
        <CopyAct text={message.content} label={`Copy your ${what}`} />
        <Act label={`Edit your ${what}`} onClick={() => setIsEdited(true)}>
          Edit
        </Act>
      </div>
    </article>
  );
}
