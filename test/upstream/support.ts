import { systemClock } from "../../src/clock.ts";
import { type UpstreamSettings, upstreamSchema } from "../../src/config/upstreams.ts";
import type { Backend } from "../../src/generation/backend.ts";
import type { GenerationEvent } from "../../src/generation/event.ts";
import type { GenerationRequest, Prompt } from "../../src/generation/request.ts";
import { type Wish, withDefaults } from "../../src/generation/wish.ts";
import { createLoadControl } from "../../src/queue/load-control.ts";
import { createUpstreamBackend } from "../../src/upstream/backend.ts";
import { createUpstreamServer, type UpstreamServer } from "../../src/upstream/server.ts";

function settingsFor(baseUrl: string, group: object = {}): UpstreamSettings {
  return upstreamSchema.parse({ name: "there", baseUrl, models: ["one"], ...group });
}

/** A model of an upstream, behind a queue as in a gateway. */
export function openUpstream(
  baseUrl: string,
  group: object = {},
  key?: string,
): { readonly backend: Backend; readonly server: UpstreamServer } {
  const settings = settingsFor(baseUrl, group);
  const log = { warn: () => {}, info: () => {} };
  const server = createUpstreamServer({ settings, key, clock: systemClock, log });
  const load = createLoadControl({ maxPending: 64, maxPendingTokens: 1_000_000, maxWaitMs: 60_000, models: () => 1 });
  const { maxConcurrent } = settings;
  const queue = load.queueFor({ slots: maxConcurrent, minSlots: maxConcurrent, targetItlMs: 60_000 });
  const backend = createUpstreamBackend({
    ...{ server, id: "one", aliases: [], model: { name: "one" }, queue, createdUnixSeconds: 1 },
    listed: () => undefined,
    costOf: () => undefined,
  });
  return { backend, server };
}

const HI: Prompt = { type: "chat", messages: [{ role: "user", content: "Hi" }] };

export function requestFor(wish: Partial<Wish> = {}, more: Partial<GenerationRequest> = {}): GenerationRequest {
  const whole: Wish = { prompt: HI, sampling: {}, ...wish };
  return {
    ...withDefaults(whole),
    ...{ id: "req_1", model: "one", signal: new AbortController().signal },
    ...more,
  };
}

export async function collect(
  { generate }: Backend,
  request: GenerationRequest = requestFor(),
): Promise<GenerationEvent[]> {
  const events: GenerationEvent[] = [];
  for await (const event of generate?.(request) ?? []) events.push(event);
  return events;
}

export function textOf(events: readonly GenerationEvent[]): string {
  return events.map((event) => (event.type === "text" ? event.text : "")).join("");
}
