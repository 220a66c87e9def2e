import type { Message, Prompt } from "../generation/request.ts";
import { takesInput } from "./parse.ts";
import type { Preset } from "./preset.ts";
import { INPUT, renderTemplate } from "./template.ts";

type Chat = Extract<Prompt, { type: "chat" }>;
/** The values of a preset's variables, as text. */
export type Values = ReadonlyMap<string, string>;

/**
 * Puts a client's conversation into a preset: first one system message with the preset's text and the client's own, since many templates
 * allow only one; then the examples; then the conversation, with each user message in the preset's template.
 */
export function composePrompt(preset: Preset, values: Values, prompt: Chat): Chat {
  const [first] = prompt.messages;
  const own = first?.role === "system" ? first : undefined;
  const said = own === undefined ? prompt.messages : prompt.messages.slice(1);
  const system = joinTexts([
    preset.system === undefined ? "" : renderTemplate(preset.system, values).toWellFormed(),
    own?.content ?? "",
  ]);
  return {
    ...prompt,
    messages: [
      ...(system === "" && own === undefined ? [] : [{ ...own, role: "system" as const, content: system }]),
      ...preset.examples.flatMap(({ user, assistant }): Message[] => [
        { role: "user", content: user },
        { role: "assistant", content: assistant },
      ]),
      ...putIntoTemplate(preset, values, said),
    ],
  };
}

function putIntoTemplate({ template }: Preset, values: Values, said: readonly Message[]): readonly Message[] {
  if (template === undefined) return said;
  const render = (input: string) => renderTemplate(template, new Map([...values, [INPUT, input]])).toWellFormed();
  if (takesInput(template)) {
    return said.map((message) =>
      message.role === "user" ? { ...message, content: render(message.content) } : message,
    );
  }
  // Many templates need alternating turns, so the user's message joins the opening in one turn.
  const opening = render("");
  const [first, ...rest] = said;
  return first?.role === "user"
    ? [{ ...first, content: joinTexts([opening, first.content]) }, ...rest]
    : [{ role: "user", content: opening }, ...said];
}

function joinTexts(texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join("\n\n");
}
