import type { GenerationEvent } from "../generation/event.ts";
import type { Answer } from "../protocols/chat/answer.ts";
import { encodeCompletion } from "../protocols/chat/encode.ts";
import type { Metadata } from "../protocols/metadata.ts";
import { createTally } from "../protocols/tally.ts";
import type { TenantState } from "../store/state.ts";
import type { ClientGeneration } from "./generation.ts";

export type ChatMemory = {
  readonly answer: Answer;
  readonly metadata: Metadata;
  /** The request's messages as the client sent them. */
  readonly messages: readonly unknown[];
  /** Whether an earlier process may have stored it; false if absent. */
  readonly mayBeThere?: boolean;
};

/**
 * Stores a generation's answer if it succeeds. It does so before the client gets the end, so that the client can fetch the answer at once.
 * Throws `StateError` instead of the end if the answer can't be stored.
 */
export function rememberChat(generation: ClientGeneration, memory: ChatMemory, state: TenantState): ClientGeneration {
  async function* recorded(): AsyncGenerator<GenerationEvent> {
    const events: GenerationEvent[] = [];
    for await (const event of { [Symbol.asyncIterator]: () => generation.events }) {
      events.push(event);
      yield event;
    }
    if (!generation.isCancelled()) {
      await keep(events);
    }
  }

  async function keep(events: readonly GenerationEvent[]): Promise<void> {
    const { answer, metadata, messages, mayBeThere = false } = memory;
    if (mayBeThere && state.chats.get(answer.id) !== undefined) return;
    const completion = await encodeCompletion(answer, replay(events), createTally(answer.choices));
    state.chats.save({
      id: answer.id,
      createdMs: answer.createdUnixSeconds * 1000,
      model: answer.model,
      metadata: JSON.stringify(metadata),
      body: JSON.stringify(completion),
      messages: JSON.stringify(messages),
    });
  }

  return { ...generation, events: recorded() };
}

async function* replay(events: readonly GenerationEvent[]): AsyncGenerator<GenerationEvent> {
  yield* events;
}
