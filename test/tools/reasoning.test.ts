import { describe, expect, it } from "vitest";
import { opensReasoning, reasoningMarks } from "../../src/tools/reasoning.ts";

/** The endings of published templates, and whether each opens the reasoning by default, when it is wanted, and when it is not. */
const ENDINGS: readonly [string, string, boolean, boolean, boolean][] = [
  [
    "Qwen 3",
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}",
    false,
    false,
    false,
  ],
  [
    "Qwen 3.5",
    "{%- if add_generation_prompt %}{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- else %}{{- '<think>\\n' }}{%- endif %}{%- endif %}",
    true,
    true,
    false,
  ],
  [
    "DeepSeek R1",
    "</think>{%- if add_generation_prompt and not ns.is_tool -%}{{'<｜Assistant｜><think>\\n'}}{%- endif %}",
    true,
    true,
    true,
  ],
  [
    "DeepSeek V3.1",
    "{%- if add_generation_prompt -%}{{'<｜Assistant｜>'}}{%- if not thinking -%}{{'<think></think>'}}{%- else -%}{{'<think>'}}{%- endif -%}{%- endif %}",
    false,
    true,
    false,
  ],
  [
    "Bielik 3",
    "</think>{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- if enable_thinking %}{{- '<think>\\n' }}{%- endif %}{%- endif %}",
    false,
    true,
    false,
  ],
  [
    "QwQ, as llama.cpp has it",
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>\\n' }}{%- if not enable_thinking -%}{{- '</think>' -}}{%- endif -%}{%- endif %}",
    false,
    true,
    false,
  ],
  [
    "GLM 4.7",
    "{%- if add_generation_prompt -%}<|assistant|>{{- '</think>' if (enable_thinking is defined and not enable_thinking) else '<think>' -}}{%- endif -%}",
    true,
    true,
    false,
  ],
];

describe("a template that reasons", () => {
  it.each(ENDINGS)("tells whether it opens the reasoning: %s", (_, template, byDefault, wanted, unwanted) => {
    const marks = reasoningMarks(template);
    expect(marks).toEqual({ open: "<think>", close: "</think>" });
    const opens = (wish: boolean | undefined) => marks !== undefined && opensReasoning(template, marks, wish);
    expect([opens(undefined), opens(true), opens(false)]).toEqual([byDefault, wanted, unwanted]);
  });

  it("is one that has a mark for its end", () => {
    expect(reasoningMarks("{{ messages }}")).toBeUndefined();
    expect(reasoningMarks("[THINK][/THINK]")?.open).toBe("[THINK]");
    expect(reasoningMarks("<|channel>thought<channel|>")?.close).toBe("<channel|>");
  });
});
