import { useState } from "preact/hooks";
import { Button, Field, SCROLLS } from "../../frame/parts.tsx";
import type { AssistantMessage, Call } from "../conversation/message.ts";
import type { Chat } from "../state/chat.ts";

type CallsProps = {
  readonly chat: Chat;
  readonly lane: number;
  readonly message: AssistantMessage;
  readonly isOpen: boolean;
};

/** The calls of an answer, with fields for their results if nothing follows yet. */
export function Calls({ chat, lane, message, isOpen }: CallsProps) {
  const [results, setResults] = useState<readonly string[]>([]);
  return (
    <form
      class="calls"
      onSubmit={(event) => {
        event.preventDefault();
        chat.giveResults(lane, message.id, results);
      }}
    >
      {message.calls.map((call, index) => (
        <section class="call" key={call.id} aria-label={`Call of ${call.name}`}>
          <div class="call-name mono">{call.name}</div>
          <pre class="mono" {...SCROLLS}>
            {pretty(call)}
          </pre>
          {isOpen && (
            <Field label={`Result of ${call.name}, as the tool would give it`}>
              <textarea
                rows={2}
                value={results[index] ?? ""}
                onInput={(event) => {
                  const { value } = event.currentTarget;
                  setResults(message.calls.map((_, each) => (each === index ? value : (results[each] ?? ""))));
                }}
              />
            </Field>
          )}
        </section>
      ))}
      {isOpen && (
        <Button type="submit" kind="primary">
          {message.calls.length === 1 ? "Send the result" : "Send the results"}
        </Button>
      )}
    </form>
  );
}

function pretty(call: Call): string {
  try {
    return JSON.stringify(JSON.parse(call.arguments), undefined, 2);
  } catch {
    // It is cut off, or a custom tool's text.
    return call.arguments;
  }
}
