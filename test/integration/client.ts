import { readFile } from "node:fs/promises";
import { inject } from "vitest";

type Usage = {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number };
};
export type Completion = {
  choices: { index: number; message: { content: string }; finish_reason: string }[];
  usage: Usage;
};
export type ErrorBody = { error: { message: string; type: string; param: string | null; code: string | null } };

export type ChatBody = { messages?: unknown; [field: string]: unknown };

/** Posts a chat completion to the shared gateway. The model is filled in. */
export function post(body: ChatBody, init: RequestInit = {}): Promise<Response> {
  return fetch(`${inject("gatewayUrl")}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "smollm2-135m-instruct", ...body }),
    ...init,
  });
}

/** A whole answer; fails on any other status than 200. */
export async function complete(body: ChatBody): Promise<Completion> {
  const response = await post(body);
  if (response.status !== 200) throw new Error(await response.text());
  return (await response.json()) as Completion;
}

/** A refusal; fails on status 200. */
export async function refusal(body: ChatBody): Promise<{ status: number; error: ErrorBody["error"] }> {
  const response = await post(body);
  const { error } = (await response.json()) as ErrorBody;
  return { status: response.status, error };
}

/** The data of each event of a streamed answer, including `[DONE]`, as it arrives. */
export async function* events(response: Response): AsyncGenerator<string> {
  if (response.status !== 200 || response.body === null) throw new Error(await response.text());
  let rest = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split("\n\n");
    rest = lines.pop() ?? "";
    // A line that begins with a colon is a comment.
    for (const line of lines) if (!line.startsWith(":")) yield line.replace(/^data: /, "");
  }
}

/** The text that one event of a single choice adds. */
export function textOf(event: string): string {
  if (event === "[DONE]") return "";
  const { choices } = JSON.parse(event) as { choices: { delta: { content?: string } }[] };
  return choices[0]?.delta.content ?? "";
}

/** The whole text of a streamed answer. */
export async function streamedText(body: ChatBody): Promise<string> {
  let text = "";
  for await (const event of events(await post({ ...body, stream: true }))) text += textOf(event);
  return text;
}

export function user(content: string): { role: string; content: string }[] {
  return [{ role: "user", content }];
}

/** The process id of the current engine. */
export async function enginePid(): Promise<number> {
  const log = await readFile(inject("gatewayLog"), "utf8");
  const pids = log
    .split("\n")
    .filter((line) => line.includes("the engine is ready"))
    .map((line) => (JSON.parse(line) as { enginePid: number }).enginePid);
  const last = pids.at(-1);
  if (last === undefined) throw new Error("the log names no engine");
  return last;
}
