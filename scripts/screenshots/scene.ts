import { setTimeout } from "node:timers/promises";
import { z } from "zod";

/** What the pictures show: who asks the gateway for what. */
export type Scene = {
  /** Keys by their names; `operator` is an admin's. */
  readonly keys: Readonly<Record<KeyName, string>>;
  /** Begins batches, each in another state, and returns when the quick ones have ended. */
  readonly beginBatches: () => Promise<void>;
  /** Has several keys ask until the signal aborts, a few more at once than there are slots. */
  readonly keepBusy: (signal: AbortSignal) => void;
};

const MODEL = "smollm2-135m-instruct";

const KEYS = {
  operator: { admin: true, class: "interactive" },
  "web-shop": { class: "interactive", requests_per_minute: 600, tokens_per_day: 2_000_000 },
  support: { class: "interactive", concurrent_requests: 8, expires: "90d" },
  reports: { class: "default", tokens_per_day: 500_000 },
  nightly: { class: "batch" },
} as const;

type KeyName = keyof typeof KEYS;

const SYSTEM: Readonly<Partial<Record<KeyName, string>>> = {
  "web-shop":
    "You answer questions about the garden tools of a shop. Use two short sentences. Name the tool, say what it is for, and say how it is looked after. If you don't know an answer, say so, and ask the customer to write to the shop.",
  support:
    "You are the support of a small internet provider. Ask for what you need to know, one thing at a time, and give one step at a time. Be polite and brief. Never promise a date. If a line is down, say that a technician will call.",
  reports:
    "You turn notes into a report of three sentences: what happened, what it means, and what to do next. Keep names and numbers as they are.",
};

const QUESTIONS: Readonly<Partial<Record<KeyName, readonly string[]>>> = {
  "web-shop": ["Which spade is best for clay?", "How do I sharpen shears?", "Is the rake good for moss?"],
  support: ["My line is slow in the evening.", "The router blinks red.", "I can't reach my mail."],
  reports: ["Pump 3 stopped at 02:14, restarted at 02:31.", "Sales rose by 4 % in the north.", "Two tests failed."],
};

const secretSchema = z.object({ secret: z.string() });
const createdSchema = z.object({ id: z.string() });
const batchSchema = z.object({ status: z.string() });

/** Makes the keys. */
export async function setScene(url: string): Promise<Scene> {
  const made: [string, string][] = [];
  for (const [name, policy] of Object.entries(KEYS)) {
    const [, operator] = made[0] ?? [];
    const body = JSON.stringify({ name, ...policy });
    made.push([name, secretSchema.parse(await ask("/admin/keys", operator, body)).secret]);
  }
  const keys = Object.fromEntries(made) as Record<KeyName, string>;

  async function ask(path: string, key: string | undefined, body?: string | FormData): Promise<unknown> {
    const response = await fetch(url + path, {
      ...(body !== undefined && { method: "POST", body }),
      headers: {
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
        ...(typeof body === "string" && { "content-type": "application/json" }),
      },
    });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
    return response.json();
  }

  async function beginBatch(lines: readonly string[]): Promise<string> {
    const form = new FormData();
    form.append("purpose", "batch");
    form.append("file", new Blob([lines.join("\n")]), "reviews.jsonl");
    const { id } = createdSchema.parse(await ask("/v1/files", keys.nightly, form));
    const body = { input_file_id: id, endpoint: "/v1/chat/completions", completion_window: "24h" };
    return createdSchema.parse(await ask("/v1/batches", keys.nightly, JSON.stringify(body))).id;
  }

  async function hasEnded(id: string): Promise<void> {
    for (;;) {
      const { status } = batchSchema.parse(await ask(`/v1/batches/${id}`, keys.nightly));
      if (status === "completed" || status === "failed") return;
      await setTimeout(250);
    }
  }

  async function converse(name: KeyName, index: number, signal: AbortSignal): Promise<void> {
    const questions = QUESTIONS[name] ?? [];
    for (let turn = 0; !signal.aborted; turn += 1) {
      await fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${keys[name]}` },
        body: JSON.stringify({
          ...{ model: MODEL, max_tokens: 32 + 24 * (index % 3) },
          messages: [
            { role: "system", content: SYSTEM[name] },
            { role: "user", content: questions[(turn + index) % questions.length] },
          ],
        }),
        signal,
      })
        .then((response) => response.text())
        .catch(() => {});
      await setTimeout(250 * (1 + (index % 3)));
    }
  }

  return {
    keys,
    async beginBatches() {
      const done = [await beginBatch(linesOf(12, 6)), await beginBatch([...linesOf(2, 6), "great,5"])];
      await Promise.all(done.map(hasEnded));
      await beginBatch(linesOf(240, 16));
    },
    keepBusy(signal) {
      for (const [index, name] of (["web-shop", "web-shop", "support", "support", "reports"] as const).entries())
        void converse(name, index, signal);
    },
  };
}

function linesOf(count: number, tokens: number): string[] {
  return Array.from({ length: count }, (_, at) => {
    const messages = [
      { role: "system", content: "Say in a few words whether the customer is content, and with what." },
      { role: "user", content: `Review ${at + 1}: the ${at % 2 === 0 ? "rake" : "spade"} came after ${at % 7} days.` },
    ];
    const body = { model: MODEL, messages, temperature: 0, max_tokens: tokens };
    return JSON.stringify({ custom_id: `review-${at + 1}`, method: "POST", url: "/v1/chat/completions", body });
  });
}
