import { branchesAt } from "../conversation/tree.ts";
import type { Chat } from "../state/chat.ts";
import { Act } from "./act.tsx";

/** Arrows between the branches at a message's place; nothing if there is one. */
export function Branches({ chat, lane, id }: { readonly chat: Chat; readonly lane: number; readonly id: string }) {
  const { ids, index } = branchesAt(chat.tree.value, id);
  if (ids.length < 2) return null;
  const go = (step: number) => {
    const next = ids[index + step];
    if (next !== undefined) chat.choose(lane, next);
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for forms
    <span class="branches" role="group" aria-label={`Branch ${index + 1} of ${ids.length}`}>
      <Act label="The branch before" disabled={index === 0} onClick={() => go(-1)}>
        ‹
      </Act>
      <span aria-hidden="true">
        {index + 1}/{ids.length}
      </span>
      <Act label="The next branch" disabled={index === ids.length - 1} onClick={() => go(1)}>
        ›
      </Act>
    </span>
  );
}
