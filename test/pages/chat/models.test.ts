import { describe, expect, it } from "vitest";
import { readModels } from "../../../pages/chat/state/models.ts";

describe("the models of the chat", () => {
  it("are those that can chat, and the presets with their variables", () => {
    const data = [
      { id: "one", object: "model", capabilities: ["completion", "chat"] },
      { id: "embedder", object: "model", capabilities: ["embeddings"] },
      {
        id: "preset/translate",
        description: "Translates.",
        capabilities: ["chat"],
        preset: {
          version: "1",
          variables: {
            language: { type: "enum", values: ["French", "German"], default: "French", description: "Into this one." },
            isFormal: { type: "boolean", default: false },
            text: { type: "string" },
          },
        },
      },
    ];
    expect(readModels({ object: "list", data })).toEqual([
      { id: "one", isPreset: false, description: "", variables: [] },
      {
        id: "preset/translate",
        isPreset: true,
        description: "Translates.",
        variables: [
          { name: "language", description: "Into this one.", values: ["French", "German"], usual: "French" },
          { name: "isFormal", description: "", values: ["true", "false"], usual: "false" },
          { name: "text", description: "", values: [], usual: undefined },
        ],
      },
    ]);
  });

  it("can't be read from anything else", () => {
    expect(() => readModels({ data: [{ id: 1 }] })).toThrow("can't be read");
    expect(() => readModels(undefined)).toThrow("can't be read");
  });
});
