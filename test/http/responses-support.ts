import { responseEvent, response as responseSchema } from "../fixtures/openai/responses.ts";
import { type createTestApp, MODEL_ID } from "./support.ts";

export const RESPONSES = "/v1/responses";

type App = ReturnType<typeof createTestApp>["app"];

export function jsonInit(body: unknown, method = "POST"): RequestInit {
  return { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

/** Posts a request for a response. The model and an input are filled in. */
export function respond(app: App, body: Readonly<Record<string, unknown>> = {}) {
  return app.request(RESPONSES, jsonInit({ model: MODEL_ID, input: "Hi", ...body }));
}

/** A whole response, held to OpenAI's description. */
export async function responseOf(app: App, body: Readonly<Record<string, unknown>> = {}) {
  const answer = await respond(app, body);
  if (answer.status !== 200) throw new Error(await answer.text());
  return responseSchema.parse(await answer.json());
}

/** What is kept of a response. */
export async function fetchResponse(app: App, id: string) {
  return responseSchema.parse(await (await app.request(`${RESPONSES}/${id}`)).json());
}

/** The events of a stream, each held to OpenAI's description, its name to its type and its number to its place. */
export function parseEvents(stream: string, from = 0) {
  const frames = stream.split("\n\n");
  if (frames.pop() !== "") throw new Error("The stream does not end with a whole frame.");
  return frames.map((frame, index) => {
    const [, name, data] = /^event: (\S+)\ndata: (.*)$/.exec(frame) ?? [];
    const event = responseEvent.parse(JSON.parse(data ?? ""));
    if (event.type !== name || event.sequence_number !== from + index) throw new Error(`Out of order: ${frame}`);
    return event;
  });
}

export async function bodyOf(answer: Response | Promise<Response>): Promise<unknown> {
  return (await answer).json();
}
