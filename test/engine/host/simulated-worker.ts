import { expect } from "vitest";
import type { SequenceRequest, SequenceUpdate, WorkerMessage } from "../../../src/engine/contract/messages.ts";
import { FakeWorker, INFO } from "./fake-worker.ts";
import { contentOf } from "./helpers.ts";

/** What a simulated request says and does. It travels in the first message's content, so that the worker needs no other knowledge. */
export type Script = {
  readonly name: string;
  readonly choices: number;
  /** How many tokens the model would say. */
  readonly tokens: number;
  readonly maxTokens: number | undefined;
  /** When it kills its worker: before its first token, at a certain token, or so many tokens after each submission. */
  readonly poison:
    | { readonly when: "prefill" }
    | { readonly when: "token"; readonly index: number }
    | { readonly when: "after"; readonly tokens: number }
    | undefined;
};

/** The seed of every simulated request, so that the worker can tell the choices apart. */
export const SEED = 1_000;
const SLOTS = 3;

const piece = (name: string, choice: number, index: number): string => `${name}${choice}.${index} `;

/** What a choice of the script says in all, undisturbed. */
export function wholeText({ name, tokens, maxTokens }: Script, choice: number): string {
  const count = Math.min(tokens, maxTokens ?? tokens);
  return Array.from({ length: count }, (_, index) => piece(name, choice, index)).join("");
}

/** How many of `count` tokens are shown: every third piece is held back until the next token, like half a character. */
const shown = (count: number): number => (count % 3 === 1 ? count - 1 : count);

type Running = { readonly request: SequenceRequest; readonly script: Script; readonly choice: number; count: number };

/** A worker that follows its requests' scripts, at the pace of the test: messages wait in both directions until they are moved. */
export class SimulatedWorker extends FakeWorker {
  readonly running = new Map<number, Running>();
  readonly outbox: WorkerMessage[] = [];
  readonly refuses: boolean;
  hung = false;
  unread = 0;

  constructor(refuses: boolean) {
    super();
    this.refuses = refuses;
  }

  /** Takes in one message of the host. */
  readOne(): boolean {
    const message = this.sent[this.unread];
    if (message === undefined || this.hung || this.dead) return false;
    this.unread += 1;
    if (message.type === "load") {
      this.outbox.push(this.refuses ? { type: "loadFailed", reason: "not now" } : { type: "loaded", info: INFO });
    } else if (message.type === "cancel") {
      this.running.delete(message.id);
    } else if (message.type === "submit") {
      this.submit(message.sequence);
    }
    return true;
  }

  private submit(request: SequenceRequest): void {
    const { id, prompt, replay, sampling } = request;
    const script: Script = JSON.parse(contentOf(prompt) ?? "");
    expect(this.running.has(id)).toBe(false);
    expect(replay).toEqual(Array.from(replay, (_, index) => index));
    if (request.maxTokens !== undefined) expect(replay.length).toBeLessThan(request.maxTokens);
    this.running.set(id, { request, script, choice: sampling.seed - SEED, count: replay.length });
  }

  /** Decodes one batch. Returns false when a request of it killed the worker. */
  decodeOne(): boolean {
    if (this.hung || this.dead) return true;
    const updates: SequenceUpdate[] = [];
    for (const [id, running] of [...this.running].slice(0, SLOTS)) {
      if (kills(running)) return false;
      updates.push(this.advance(id, running));
    }
    if (updates.length > 0) this.outbox.push({ type: "step", updates });
    return true;
  }

  private advance(id: number, running: Running): SequenceUpdate {
    const { request, script, choice } = running;
    const isFirst = running.count === request.replay.length;
    const before = shown(running.count);
    running.count += 1;
    const { count } = running;
    const reason = count === script.tokens ? "stop" : count === request.maxTokens ? "length" : undefined;
    const end = reason === undefined ? shown(count) : count;
    let text = "";
    for (let index = before; index < end; index += 1) text += piece(script.name, choice, index);
    if (reason !== undefined) this.running.delete(id);
    return {
      id,
      ...(isFirst ? { started: { promptTokens: 9, cachedTokens: 0 } } : {}),
      tokens: [count - 1],
      text,
      ...(reason === undefined ? {} : { finished: { reason, completionTokens: count } }),
    };
  }

  /** Brings one message to the host. */
  deliverOne(): boolean {
    const message = this.dead ? undefined : this.outbox.shift();
    if (message === undefined) return false;
    this.say(message);
    if (message.type === "loadFailed") this.die(1, null);
    return true;
  }

  /** Dies; `delivered` of the messages on their way still arrive. */
  crash(delivered: number, signal = "SIGABRT"): void {
    for (const message of this.outbox.splice(0, delivered)) if (message.type !== "loadFailed") this.say(message);
    this.die(null, signal);
  }

  override die(exitCode: number | null, signal: string | null): void {
    this.running.clear();
    super.die(exitCode, signal);
  }
}

function kills({ request, script: { poison }, count }: Running): boolean {
  if (poison?.when === "prefill") return true;
  if (poison?.when === "token") return count === poison.index;
  return poison?.when === "after" && count - request.replay.length === poison.tokens;
}
