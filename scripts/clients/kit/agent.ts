import type { Bed, BedRunOptions } from "./bed.ts";
import {
  assertAnswered,
  assertEnds,
  assertFewTries,
  assertSays,
  assertSuccess,
  generations,
  streamedText,
} from "./checks.ts";
import type { ClientScript } from "./main.ts";
import type { Finished } from "./process.ts";
import { QUESTION, tooLong } from "./prompts.ts";
import type { Recorded } from "./recorder.ts";

/** A command-line agent, which works on one task with tools and exits. */
export type Agent = {
  ask(bed: Bed, prompt: string, options?: BedRunOptions): Promise<Finished>;
  /** A tool of its own that does nothing to the machine: the model is made to call it, and calls of a small model are senseless. */
  readonly harmlessTool: string;
  /** Variables that set another key. */
  readonly wrongKey: Readonly<Record<string, string>>;
  /** Variables that make it send more than the context has room for; some cut a prompt to the room that they were told of. */
  readonly overContext?: Readonly<Record<string, string>>;
};

/** What the environment of such a program has to say about a context that is full. */
const TOO_LONG = /context|too long|too large|token|length/i;
const WRONG_KEY = /401|api key|auth|unauthorized|log.?in/i;

/** The trials that all agents have in common. */
export function agentThings({ ask, harmlessTool, wrongKey, overContext = {} }: Agent): ClientScript["things"] {
  return {
    async plain(bed) {
      const finished = await ask(bed, QUESTION);
      assertSuccess(finished);
      const asked = assertAnswered(bed);
      return `${asked.length} × ${asked[0]?.path}, ${toolsOf(asked[0])} tools offered`;
    },
    async stream(bed) {
      const finished = await ask(bed, QUESTION);
      assertSuccess(finished);
      const streamed = assertAnswered(bed).filter(({ body }) => body?.stream === true);
      if (streamed.length === 0) throw new Error("it asks for no stream");
      const words = streamed.flatMap((each) => /[A-Za-z]{2,}/.exec(streamedText(each)) ?? []);
      const shown = words.find((word) => finished.stdout.includes(word));
      if (shown === undefined)
        throw new Error(`of ${words.join(", ") || "no words"} it shows none: ${finished.stdout}`);
      return `shows what came, such as "${shown}"`;
    },
    async tools(bed) {
      bed.recorder.changeOnce((body) => force(body, harmlessTool, bed.callingModel));
      const finished = await ask(bed, QUESTION);
      assertSuccess(finished);
      const asked = assertAnswered(bed);
      const results = asked.filter(({ body }) => hasResult(body));
      if (results.length === 0)
        throw new Error(`no result of ${harmlessTool} was sent back; there are ${namesOf(asked.at(-1))}`);
      return `made to call ${harmlessTool}, it sends the result back`;
    },
    async cancel(bed) {
      bed.recorder.changeOnce((body) => withModel(body, bed.callingModel));
      const begun = Promise.withResolvers<void>();
      const timer = setInterval(() => {
        if (generations(bed).some(({ answer }) => answer !== "")) begun.resolve();
      }, 20);
      try {
        await ask(bed, "Write a long story about the sea.", { interruptAfter: begun.promise });
      } finally {
        clearInterval(timer);
      }
      const asked = generations(bed);
      if (asked.length === 0) throw new Error("it asked for nothing");
      const cut = asked.filter(({ left }) => left);
      if (cut.length === 0) throw new Error("its answer had ended before");
      return "interrupted in mid-stream, it hangs up";
    },
    async "over-context"(bed) {
      const finished = await ask(bed, tooLong(bed.contextTokens), { env: overContext });
      const tries = assertFewTries(bed, 400);
      assertEnds(finished);
      assertSays(finished, TOO_LONG);
      return `tells the error, ends with ${finished.code}; ${tries} × 400`;
    },
    async "wrong-key"(bed) {
      const finished = await ask(bed, QUESTION, { env: wrongKey });
      const tries = assertFewTries(bed, 401);
      assertEnds(finished);
      assertSays(finished, WRONG_KEY);
      return `tells the error, ends with ${finished.code}; ${tries} × 401`;
    },
  };
}

function toolsOf(recorded: Recorded | undefined): number {
  const tools = recorded?.body?.tools;
  return Array.isArray(tools) ? tools.length : 0;
}

/** Makes another model answer, which goes on and on. */
export function withModel(body: Record<string, unknown>, model: string): boolean {
  body.model = model;
  return true;
}

/** Makes a body demand an answer in text. */
export function callNothing(body: Record<string, unknown>): boolean {
  body.tool_choice = "none";
  return Array.isArray(body.tools);
}

function namesOf(recorded: Recorded | undefined): string {
  const tools = recorded?.body?.tools;
  if (!Array.isArray(tools)) return "no tools";
  return tools
    .map(
      (tool: { readonly name?: string; readonly function?: { readonly name?: string } }) =>
        tool.name ?? tool.function?.name,
    )
    .join(", ");
}

/** Makes a body demand a call of the tool, in its protocol's words; false where it doesn't offer it. */
export function force(body: Record<string, unknown>, name: string, model: string): boolean {
  if (!Array.isArray(body.tools)) return false;
  const offered = body.tools.some(
    (tool: { readonly name?: string; readonly function?: { readonly name?: string } }) =>
      tool.name === name || tool.function?.name === name,
  );
  if (!offered) return false;
  body.model = model;
  if ("input" in body) body.tool_choice = { type: "function", name };
  else if (body.tools.some((tool: object) => "input_schema" in tool)) body.tool_choice = { type: "tool", name };
  else body.tool_choice = { type: "function", function: { name } };
  return true;
}

/** Whether a body brings a tool's result. */
function hasResult(body: Record<string, unknown> | undefined): boolean {
  return /"type":"(function_call_output|tool_result|custom_tool_call_output)"|"role":"tool"/.test(
    JSON.stringify(body ?? {}),
  );
}
