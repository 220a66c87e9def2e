import { setTimeout } from "node:timers/promises";
import { z } from "zod";
import { CHAT_PATH, type ChatRequest, type Session } from "./session.ts";

const POLL_MS = 50;

const withId = z.object({ id: z.string() });
const state = z.object({
  status: z.string(),
  request_counts: z.object({ failed: z.number() }),
  usage: z.object({ output_tokens: z.number() }).nullish(),
});

/** Batches of a session's server. */
export type BatchClient = {
  /** Returns a batch of these requests. */
  readonly begin: (requests: readonly ChatRequest[]) => Promise<string>;
  /** Resolves with the tokens of all answers when a batch has ended. Throws if one of its requests fails. */
  readonly ended: (id: string) => Promise<number>;
  readonly cancel: (id: string) => Promise<void>;
};

export function createBatchClient(session: Session): BatchClient {
  const { server, signal } = session;
  async function call(path: string, init: RequestInit = {}): Promise<unknown> {
    const response = await fetch(new URL(path, server.url), { ...init, signal });
    if (!response.ok) throw new Error(`${path} was answered with ${response.status}: ${await response.text()}`);
    return response.json();
  }
  const json = (body: object) => ({
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

  async function ended(id: string): Promise<number> {
    for (;;) {
      const { status, request_counts: of, usage } = state.parse(await call(`/v1/batches/${id}`));
      // Those that were not made count as failed.
      if (status === "cancelled") return usage?.output_tokens ?? 0;
      if (of.failed > 0 && status !== "cancelling") throw new Error(`requests of the batch ${id} failed`);
      if (status === "completed") return usage?.output_tokens ?? 0;
      await setTimeout(POLL_MS, undefined, { signal });
    }
  }

  return {
    ended,
    async begin(requests) {
      const lines = requests.map((request, index) => {
        const { stream, stream_options, ...body } = Object(session.body(request));
        return JSON.stringify({ custom_id: String(index), method: "POST", url: CHAT_PATH, body });
      });
      const form = new FormData();
      form.append("purpose", "batch");
      form.append("file", new Blob([lines.join("\n")]), "in.jsonl");
      const file = withId.parse(await call("/v1/files", { method: "POST", body: form })).id;
      const body = { input_file_id: file, endpoint: CHAT_PATH, completion_window: "24h" };
      return withId.parse(await call("/v1/batches", json(body))).id;
    },
    async cancel(id) {
      await call(`/v1/batches/${id}/cancel`, json({}));
      await ended(id);
    },
  };
}
