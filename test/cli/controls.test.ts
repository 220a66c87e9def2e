import { describe, expect, it } from "vitest";
import { answerFor, escapeControls, escapeHidden } from "../../src/cli/controls.ts";
import { paintDiff } from "../../src/cli/diff.ts";
import { createToolUse } from "../../src/cli/mcp/tool-calls.ts";
import { fakeContext } from "./fake-context.ts";

const HIDDEN = ["\u3164", "\u034f", "\ufe0f", "\u200b", "\u{e0041}", "\u00ad", "\ufeff", "\u2028", "\u115f"];

describe("what is shown to be judged", () => {
  it.each(HIDDEN.map((hidden) => [(hidden.codePointAt(0) ?? 0).toString(16), hidden]))(
    "shows U+%s by its number",
    (code, hidden) => {
      expect(escapeHidden(`a${hidden}b`)).toBe(`a\\u{${code}}b`);
    },
  );

  it("leaves what can be seen as it is", () => {
    const seen = "Grüße, 世界, été, क्षि, 🙂\t- {}";
    expect(escapeHidden(seen)).toBe(seen);
  });

  it("is a tool's call with its arguments", async () => {
    const shown: string[] = [];
    const toolbox = {
      tools: [{ name: "it__run", server: "it", original: "run", description: "", parameters: {} }],
      call: async () => ({ text: "", isError: false }),
      close: async () => {},
    };
    const { run } = createToolUse({
      ...{ toolbox, maxRounds: 1, allowed: new Set<string>(), tell: () => {} },
      ask: async ({ shownArguments }) => {
        shown.push(shownArguments);
        return "no";
      },
    });
    const call = { name: "it__run", arguments: JSON.stringify({ path: HIDDEN.join("") }) };
    await run(call, new AbortController().signal);
    expect(shown).toHaveLength(1);
    expect(shown[0]).toMatch(/^[\x20-\x7e]+$/);
  });

  it("is a diff", () => {
    expect(paintDiff("+a\u3164\u200b\n-\u202eb\tc", fakeContext())).toBe("+a\\u{3164}\\u{200b}\n-\\u202eb\tc");
  });
});

describe("an answer", () => {
  it("keeps its emoji", () => {
    const family = "❤️ 👩‍👩‍👧";
    expect([answerFor({ isTTY: true }, family), escapeControls(family)]).toEqual([family, family]);
  });
});
