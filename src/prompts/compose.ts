import type { Message, Prompt } from "../generation/request.ts";
import { takesInput } from "./parse.ts";
import type { Preset } from "./preset.ts";
import { INPUT, renderTemplate } from "./template.ts";

type Chat = Extract<Prompt, { type: "chat" }>;
/** The texts of a preset's variables. */
export type Values = ReadonlyMap<string, string>;

/**
 * The client's conversation as the preset has it: the preset's system text first, the client's own behind it in the same message, since
 * many templates take only one; then the examples; then what was said, with each of the user's messages in its template.
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
  // Many templates want the turns to alternate, so what the user says besides is part of the same one.
  const opening = render("");
  const [first, ...rest] = said;
  return first?.role === "user"
    ? [{ ...first, content: joinTexts([opening, first.content]) }, ...rest]
    : [{ role: "user", content: opening }, ...said];
}

function joinTexts(texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join("\n\n");
}
