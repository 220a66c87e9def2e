/** Renders conversations as the engine's worker does, with the binding alone. Forked by `rendered.ts`, with the path of its jobs. */
import { readFile } from "node:fs/promises";
import { getLlama } from "node-llama-cpp";
import { type NativeBindings, requireCalls } from "../../../src/engine/llama/binding.ts";
import { createControlFinder } from "../../../src/engine/llama/control-finder.ts";
import { compileTemplate } from "../../../src/engine/llama/template.ts";
import type { ChatPrompt } from "../../../src/engine/worker/chat-variables.ts";
import { renderConversation } from "../../../src/engine/worker/prompt.ts";
import type { Tool } from "../../../src/generation/request.ts";

export type RenderJob = {
  readonly template: string;
  readonly beginToken: string;
  readonly endToken: string;
  readonly control: readonly string[];
  readonly prompt: ChatPrompt;
  readonly tools: readonly Tool[];
};
export type Rendered = { readonly text: string } | { readonly error: string };

const llama = await getLlama({ gpu: false, build: "never", progressLogs: false });
const bindings = requireCalls<NativeBindings>(llama, "_bindings", ["AddonJinjaRenderer"]);
const jobs = JSON.parse(await readFile(process.argv[2] ?? "", "utf8")) as RenderJob[];

function render({ template, beginToken, endToken, control, prompt, tools }: RenderJob): Rendered {
  try {
    const text = renderConversation(prompt, tools, {
      render: compileTemplate(template, { begin: beginToken, end: endToken }, bindings),
      control: createControlFinder(control),
      beginToken: undefined,
      emptyToken: undefined,
      infill: undefined,
      stop: [],
    });
    return { text };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
process.send?.(jobs.map(render), () => process.exit(0));
