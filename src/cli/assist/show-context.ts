import type { Placed } from "../../assist/budget.ts";
import type { LeftOut } from "../../assist/sources.ts";
import type { CliContext } from "../context.ts";
import { escapeAllButLayout, escapeControls } from "../controls.ts";
import { paintFor } from "../style.ts";
import { formatTable } from "../table.ts";
import type { Answerer } from "./answerer.ts";

/** What was put into a prompt, and what was not. */
export type Context = {
  readonly placed: readonly Placed[];
  readonly leftOut: readonly LeftOut[];
  /** The last message. */
  readonly input: string;
};

/** Says what was not put into the prompt, or only in part. */
export function tellLeftOut(leftOut: readonly LeftOut[], { stderr }: Pick<CliContext, "stderr">): void {
  for (const { what, why } of leftOut) stderr.write(`Left out: ${escapeControls(what)}: ${escapeControls(why)}.\n`);
}

/** Shows what is put into the prompt and from where, then the whole prompt. */
export function showContext({ placed, input }: Context, { model, messagesOf }: Answerer, context: CliContext): void {
  const { stderr } = context;
  const paint = paintFor(stderr, context);
  const rows = placed.map(({ tokens, title, reason }) => [
    String(tokens),
    escapeControls(title),
    escapeControls(reason),
  ]);
  stderr.write(formatTable([["TOKENS", "FROM", "WHY"], ...rows], [0]));
  const { system, before, last } = messagesOf(input);
  for (const { role, content } of [{ role: "system", content: system }, ...before, { role: "user", content: last }]) {
    stderr.write(`${paint("dim", `--- ${role}, to ${escapeControls(model)}`)}\n${escapeAllButLayout(content)}\n`);
  }
  stderr.write(`${paint("dim", "--- the answer")}\n`);
}

/** As a part of a command's JSON. */
export function encodeContext({ placed, leftOut, input }: Context, hasTexts: boolean) {
  return {
    context: placed.map(({ title, reason, tokens }) => ({ from: title, reason, tokens })),
    left_out: leftOut,
    ...(hasTexts && { prompt: input }),
  };
}
