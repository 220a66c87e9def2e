import { describe, expect, inject, test } from "vitest";
import { begin, numberOf, readEvents } from "../http/streams/support.ts";
import { streamedText, textOf, user } from "./client.ts";

const url = inject("gatewayUrl");
const request = (path: string, init?: RequestInit) => fetch(url + path, init);

function ask(subject: string) {
  const messages = user(`Tell me a story about ${subject}.`);
  return { model: "smollm2-135m-instruct", messages, max_tokens: 40, temperature: 0 };
}

const dataOf = (event: string) => /^data: (.*)$/m.exec(event)?.[1] ?? "";

describe("a stream of the real model that breaks off", () => {
  test("has the text of an undisturbed one, however often it is taken up, and its work is done once", async () => {
    const body = { ...ask("a lighthouse"), seed: 7, temperature: 1 };
    const undisturbed = await streamedText({ ...body, max_tokens: 40 });
    const headers = { "cache-control": "no-store" };
    const { response, id } = await begin(
      request,
      { path: "/v1/chat/completions", body: { ...body, stream: true } },
      headers,
    );
    const got: string[] = [];
    let current = response;
    for (const life of [3, 1, 5, 2, Number.POSITIVE_INFINITY]) {
      got.push(...(await readEvents(current, life)).events);
      if (life === Number.POSITIVE_INFINITY) break;
      current = await request(`/v1/streams/${id}`, { headers: { "last-event-id": `${id}:${got.length}` } });
    }
    expect(got.map(numberOf)).toEqual(got.map((_, index) => index + 1));
    expect(got.map((event) => textOf(dataOf(event))).join("")).toBe(undisturbed);
  });

  test("ends its work at once when it is asked to", async () => {
    const { response, id } = await begin(request, {
      path: "/v1/chat/completions",
      body: { ...ask("the sea"), max_tokens: 2_000, temperature: 1, stream: true },
    });
    await readEvents(response, 3);
    const deleted = await request(`/v1/streams/${id}`, { method: "DELETE" });
    expect(await deleted.json()).toEqual({ id, object: "stream", deleted: true });
    expect((await request(`/v1/streams/${id}`)).status).toBe(410);
  });
});
