import { describe, expect, it } from "vitest";
import { warmRequests } from "../../src/prompts/warm-requests.ts";
import { preset } from "./support.ts";

const HAIKU = `
system: You write haiku.
template: "About {{topic}}, {{mood}}: {{input}}"
variables:
  topic: { type: string }
  mood: { type: enum, values: [glad, sad], default: glad }
`;

describe("the warm-up's requests", () => {
  it("are the likely requests, as clients would send them with only the input and the variables", () => {
    const { answers, prefix } = warmRequests(
      preset(`${HAIKU}
sampling: { temperature: 0, stop: "\\n" }
maxTokens: 9
cache: { public: true, ttlSeconds: 60 }
warm:
  - { input: Rain, variables: { topic: weather } }
  - { input: Sun, variables: { topic: weather, mood: sad } }`),
      "m",
    );
    expect(answers).toMatchObject([
      {
        model: "m",
        prompt: {
          type: "chat",
          messages: [
            { role: "system", content: "You write haiku." },
            { role: "user", content: "About weather, glad: Rain" },
          ],
        },
        maxTokens: 9,
        stop: ["\n"],
        sampling: { temperature: 0 },
        cache: { preset: "p", answers: "determined", isPublic: true, freshSeconds: 60 },
      },
      { prompt: { messages: [{}, { content: "About weather, sad: Sun" }] } },
    ]);
    expect(prefix).toEqual({ ...answers[0], maxTokens: 1, cache: { noStore: true } });
  });

  it("evaluate the preset's own text if there are no likely requests and its variables have values", () => {
    const withDefault = HAIKU.replace("{ type: string }", "{ type: string, default: frogs }");
    expect(warmRequests(preset(withDefault), "m")).toMatchObject({
      answers: [],
      prefix: { prompt: { messages: [{ role: "system" }, { content: "About frogs, glad: " }] }, maxTokens: 1 },
    });
    expect(warmRequests(preset(HAIKU), "m")).toEqual({ answers: [], prefix: undefined });
    expect(warmRequests(preset("maxTokens: 3"), "m")).toEqual({ answers: [], prefix: undefined });
  });

  it("use the template alone if it has no placeholder for an input", () => {
    const { answers } = warmRequests(preset('template: "A joke."\nwarm: [{}, { input: Please. }]'), "m");
    const texts = answers.map(({ prompt }) => (prompt.type === "chat" ? prompt.messages.at(-1)?.content : undefined));
    expect(texts).toEqual(["A joke.", "A joke.\n\nPlease."]);
  });
});
