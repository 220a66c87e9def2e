/** What became of a request. */
export type Outcome =
  | { readonly type: "answered"; readonly tries: number; readonly ms: number }
  /** Its connection broke after the answer had begun. */
  | { readonly type: "broken"; readonly gateway: string; readonly ms: number }
  /** No gateway would answer; the last status, 0 for none. */
  | { readonly type: "refused"; readonly status: number; readonly ms: number }
  /** Another text than it must be, or an error within the answer. */
  | { readonly type: "wrong"; readonly text: string; readonly ms: number };

const REQUEST_MS = 20_000;

/**
 * Asks for an answer as a client behind a load balancer does: at the gateways that say they are ready, at the next one if one can't be reached
 * or refuses, and never again once an answer has begun.
 */
export async function ask(id: string, gateways: readonly string[], expected: string): Promise<Outcome> {
  const startedMs = performance.now();
  const ms = () => Math.round(performance.now() - startedMs);
  let status = 0;
  for (const [at, gateway] of gateways.entries()) {
    let text = "";
    try {
      const answer = await fetch(`${gateway}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", "sluice-session": id },
        body: JSON.stringify({ model: "chat", stream: true, messages: [{ role: "user", content: id }] }),
        signal: AbortSignal.timeout(REQUEST_MS),
      });
      status = answer.status;
      if (status !== 200) {
        await answer.text();
        continue;
      }
      for await (const piece of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) text += piece;
    } catch {
      if (text !== "") return { type: "broken", gateway, ms: ms() };
      continue;
    }
    const said = textOf(text);
    return said === expected ? { type: "answered", tries: at + 1, ms: ms() } : { type: "wrong", text: said, ms: ms() };
  }
  return { type: "refused", status, ms: ms() };
}

function textOf(stream: string): string {
  const datas = stream.split("\n").filter((line) => line.startsWith("data: {"));
  return datas
    .map((line) => {
      const { choices, error } = JSON.parse(line.slice("data: ".length));
      return error === undefined ? (choices[0]?.delta?.content ?? "") : `[${error.message}]`;
    })
    .join("");
}
