import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ChatTemplate } from "../../../src/engine/contract/native.ts";
import { createControlFinder } from "../../../src/engine/llama/control-finder.ts";
import { easierForms } from "../../../src/engine/worker/conversation-forms.ts";
import { renderConversation } from "../../../src/engine/worker/prompt.ts";
import type { Message, MessageRole } from "../../../src/generation/request.ts";

type Variables = { readonly messages: readonly (Message & { readonly tool_calls?: unknown })[] };

/** A template that refuses what `fault` finds at fault, and how often it was asked. */
function strict(fault: (messages: Variables["messages"]) => string | undefined) {
  const asked: number[] = [];
  const template: ChatTemplate = {
    render(variables) {
      const { messages } = variables as Variables;
      asked.push(messages.length);
      const reason = fault(messages);
      if (reason !== undefined) throw new Error(reason);
      return messages.map(({ role, content }) => `${role}: ${content}`).join("|");
    },
    control: createControlFinder([]),
    beginToken: undefined,
    emptyToken: undefined,
    infill: undefined,
    stop: [],
  };
  return { template, asked };
}

/** As Llama 2's and Mistral's templates: a system message may come first, then user and assistant alternate; calls and results don't count. */
function alternating(messages: Variables["messages"]): string | undefined {
  const rest = messages[0]?.role === "system" ? messages.slice(1) : messages;
  const turns = rest.filter(({ role, tool_calls }) => role !== "tool" && tool_calls === undefined);
  const isWrong = turns.some(({ role }, index) => role !== (index % 2 === 0 ? "user" : "assistant"));
  return isWrong ? "roles must alternate" : undefined;
}

/** As Gemma's: the same, and no system message. */
function withoutSystem(messages: Variables["messages"]): string | undefined {
  return messages.some(({ role }) => role === "system") ? "no system role" : alternating(messages);
}

/** As Qwen 3.5's. */
function systemFirst(messages: Variables["messages"]): string | undefined {
  return messages.slice(1).some(({ role }) => role === "system") ? "system comes first" : undefined;
}

const say = (role: MessageRole, content: string): Message => ({ role, content });
const calls: Message = { role: "assistant", content: "", toolCalls: [{ id: "1", name: "f", arguments: "{}" }] };

function render(messages: readonly Message[], fault: Parameters<typeof strict>[0], continueFinal = false): string {
  return renderConversation({ type: "chat", messages, continueFinal }, [], strict(fault).template);
}

describe("a conversation that a template refuses as it is", () => {
  test("has adjacent messages of the same role merged", () => {
    const messages = [
      say("system", "s"),
      say("user", "a"),
      say("user", "b"),
      say("assistant", "c"),
      say("assistant", "d"),
      say("user", "e"),
    ];
    expect(render(messages, alternating)).toBe("system: s|user: a\n\nb|assistant: c\n\nd|user: e");
  });

  test("has a later system message as a user's, at the same position", () => {
    const messages = [
      say("system", "s"),
      say("user", "a"),
      say("system", "t"),
      say("assistant", "b"),
      say("system", "u"),
      say("user", "c"),
    ];
    const expected = "system: s|user: a\n\nt|assistant: b|user: u\n\nc";
    expect(render(messages, alternating)).toBe(expected);
    expect(render(messages, systemFirst)).toBe(expected);
  });

  test("has its system text in the first user message if the template has no system role", () => {
    const messages = [say("system", "s"), say("user", "a"), say("assistant", "b"), say("system", "t")];
    expect(render(messages, withoutSystem)).toBe("user: s\n\na|assistant: b|user: t");
    expect(render([say("system", "s")], withoutSystem)).toBe("user: s");
  });

  test("has a user message after a tool result in that result", () => {
    const messages = [say("user", "a"), calls, say("tool", "r"), say("user", "b"), say("assistant", "c")];
    expect(render(messages, alternating)).toBe("user: a|assistant: |tool: r\n\nb|assistant: c");
  });

  test("begins with the user if the assistant's message came first", () => {
    expect(render([say("system", "s"), say("assistant", "a"), say("user", "b")], alternating)).toBe(
      "system: s|user: |assistant: a|user: b",
    );
  });

  test("can be continued like any other", () => {
    const messages = [say("user", "a"), say("user", "b"), say("assistant", "One, t")];
    expect(render(messages, alternating, true)).toBe("user: a\n\nb|assistant: One, t");
  });

  test("is unchanged if the template accepts it, and is rendered once", () => {
    const { template, asked } = strict(() => undefined);
    const messages = [say("user", "a"), say("user", "b"), say("system", "c")];
    expect(renderConversation({ type: "chat", messages }, [], template)).toBe("user: a|user: b|system: c");
    expect(asked).toEqual([3]);
  });

  test("is refused with the error for the original if every form is refused", () => {
    const messages = [say("user", "a"), say("system", "b")];
    expect(() => render(messages, (given) => `not these ${given.length}`)).toThrow("not these 2");
  });

  test("keeps every word and its order, in forms that finally alternate", () => {
    const message = fc.record({
      role: fc.constantFrom<MessageRole>("system", "user", "assistant"),
      content: fc.stringMatching(/^[a-z]{1,5}$/),
    });
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 12 }), (messages) => {
        const words = messages.map(({ content }) => content).join(" ");
        const forms = [...easierForms(messages)];
        for (const form of forms) {
          expect(
            form
              .map(({ content }) => content)
              .join(" ")
              .split(/\s+/)
              .filter(Boolean)
              .join(" "),
          ).toBe(words);
        }
        expect(withoutSystem(forms.at(-1) ?? [])).toBeUndefined();
        expect(systemFirst(forms[1] ?? [])).toBeUndefined();
      }),
    );
  });
});
