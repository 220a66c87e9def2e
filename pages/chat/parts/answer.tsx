import { useState } from "preact/hooks";
import { Button } from "../../frame/parts.tsx";
import type { AssistantMessage } from "../conversation/message.ts";
import { pathTo } from "../conversation/tree.ts";
import { Markdown } from "../markdown/markdown.tsx";
import { type Body, buildBody } from "../request/body.ts";
import type { Chat } from "../state/chat.ts";
import type { Live } from "../state/pen.ts";
import { Act } from "./act.tsx";
import { Branches } from "./branches.tsx";
import { Calls } from "./calls.tsx";
import { CopyAct } from "./copy-act.tsx";
import { Editor } from "./editor.tsx";
import { FactsLine } from "./facts.tsx";
import { Samples } from "./samples.tsx";
import { Tokens } from "./tokens.tsx";

type AnswerProps = {
  readonly chat: Chat;
  readonly lane: number;
  readonly message: AssistantMessage;
  readonly isLast: boolean;
};

/** An answer: what the model wrote, what that took, and what can be done with it. */
export function Answer({ chat, lane, message, isLast }: AnswerProps) {
  const live = message.state === "writing" ? chat.live(message.id).value : undefined;
  const shown = live?.message ?? message;
  const isWriting = shown.state === "writing";
  const [mode, setMode] = useState<"read" | "edit" | "tokens">("read");
  const [sample, setSample] = useState<Body>();
  const isEmpty = shown.content === "" && shown.calls.length === 0;

  if (mode === "edit") {
    return (
      <Editor
        text={shown.content}
        label="The answer"
        done="Keep as a branch"
        onCancel={() => setMode("read")}
        onDone={(text) => {
          setMode("read");
          chat.edit(lane, message.id, text);
        }}
      />
    );
  }
  return (
    <article class="answer" aria-label={`Answer of ${message.model}`} aria-busy={isWriting}>
      {shown.reasoning !== "" && <Reasoning text={shown.reasoning} isOver={shown.content !== "" || !isWriting} />}
      {isWriting && isEmpty && <Progress live={live} hasReasoning={shown.reasoning !== ""} />}
      {mode === "tokens" ? (
        <Tokens chat={chat} lane={lane} message={shown} />
      ) : (
        shown.content !== "" && <Markdown text={shown.content} isWhole={!isWriting} />
      )}
      {shown.calls.length > 0 && (
        <Calls chat={chat} lane={lane} message={shown} isOpen={isLast && !isWriting && shown.state !== "failed"} />
      )}
      {live?.isReconnecting === true && (
        <p class="quiet" role="status">
          The connection was lost. Taking the answer up again…
        </p>
      )}
      <End chat={chat} lane={lane} message={shown} isLast={isLast} />
      {!isWriting && (
        <footer class="answer-foot">
          <FactsLine message={shown} />
          <div class="acts">
            <Branches chat={chat} lane={lane} id={message.id} />
            {shown.content !== "" && <CopyAct text={shown.content} label="Copy the answer" />}
            <Act onClick={() => chat.regenerate(lane, message.id)}>Regenerate</Act>
            {shown.content !== "" && <Act onClick={() => setMode("edit")}>Edit</Act>}
            {shown.tokenCount > 0 && (
              <Act isPressed={mode === "tokens"} onClick={() => setMode(mode === "tokens" ? "read" : "tokens")}>
                Tokens
              </Act>
            )}
            {shown.state !== "edited" && (
              <Act
                label="Code: the request as curl, TypeScript or Python"
                onClick={() => setSample(requestOf(chat, shown))}
              >
                Code
              </Act>
            )}
          </div>
        </footer>
      )}
      <Samples body={sample} onClose={() => setSample(undefined)} />
    </article>
  );
}

function requestOf(chat: Chat, message: AssistantMessage): Body {
  return buildBody(message.model, pathTo(chat.tree.value, message.parent), message.settings);
}

/** What the model thought, folded once it answers. */
function Reasoning({ text, isOver }: { readonly text: string; readonly isOver: boolean }) {
  const [isOpen, setIsOpen] = useState<boolean>();
  return (
    <details
      class="reasoning"
      open={isOpen ?? !isOver}
      onToggle={(event) => {
        // Only the user's own choice counts, and lasts.
        if (event.currentTarget.open !== (isOpen ?? !isOver)) setIsOpen(event.currentTarget.open);
      }}
    >
      <summary>{isOver ? "Reasoning" : "Reasoning…"}</summary>
      <div class="reasoning-text">{text}</div>
    </details>
  );
}

/** What a request waits for. */
function Progress({ live, hasReasoning }: { readonly live: Live | undefined; readonly hasReasoning: boolean }) {
  const waiting = live?.waiting;
  if (hasReasoning) return null;
  const soon = waiting?.etaMs === undefined ? "" : `, about ${Math.max(1, Math.round(waiting.etaMs / 1000))} s`;
  return (
    <p class="progress">
      <span class="progress-dot" aria-hidden="true" />
      {waiting === undefined
        ? "Waiting for the first word"
        : waiting.isLoading
          ? `Loading the model${soon}`
          : `In the queue at ${waiting.position}${soon}`}
    </p>
  );
}

/** How an answer ended, if that was not by itself, and the way on. */
function End({ chat, lane, message, isLast }: AnswerProps) {
  const { state, problem, content, finish } = message;
  const canContinue = isLast && content !== "" && message.calls.length === 0;
  const goOn = canContinue && <Button onClick={() => chat.continueAnswer(lane, message.id)}>Continue</Button>;
  const again = isLast && <Button onClick={() => chat.regenerate(lane, message.id)}>Try again</Button>;
  switch (state) {
    case "failed":
      return (
        <div class="note" role="alert">
          <span>{problem?.message ?? "The answer failed."}</span>
          {again}
        </div>
      );
    case "cut":
      return (
        <div class="note note-warn">
          <span>
            {problem?.message ?? "The connection was lost."}{" "}
            {content === "" && message.reasoning === "" && message.calls.length === 0
              ? "Nothing of the answer had arrived."
              : "What had arrived was kept."}
          </span>
          {goOn === false ? again : goOn}
        </div>
      );
    case "stopped":
      return (
        <div class="end">
          <span class="quiet">Stopped</span>
          {goOn}
        </div>
      );
    case "edited":
      return (
        <div class="end">
          <span class="quiet">Edited by you</span>
          {goOn}
        </div>
      );
    default:
      return finish === "length" ? <div class="end">{goOn}</div> : null;
  }
}
