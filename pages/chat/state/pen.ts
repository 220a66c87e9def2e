import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Send, Waiting } from "../answering/stream.ts";
import { type Writer, writeAnswer } from "../answering/write.ts";
import type { AssistantMessage, Message, Pickup } from "../conversation/message.ts";
import { type Body, buildBody } from "../request/body.ts";
import type { Storage } from "../storage/storage.ts";

/** An answer while it is written, as of the last frame. */
export type Live = {
  readonly message: AssistantMessage;
  readonly waiting: Waiting | undefined;
  readonly isReconnecting: boolean;
};

export type PenNeeds = {
  readonly storage: Storage;
  /** Sends a chat completion. @param isAgain whether a stored answer won't do */
  readonly ask: (body: Body, isAgain: boolean) => Send;
  readonly takeUp: (pickup: Pickup, signal: AbortSignal) => Promise<Response>;
  /** Tells the gateway that nobody wants the rest of a stream. */
  readonly cancel: (pickup: Pickup) => void;
  /** Calls back before the next frame is drawn; soon, if the page isn't drawn. */
  readonly onFrame: (callback: () => void) => void;
  readonly now: () => number;
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Runs the work while no other tab, and no page before this one, does work of the same name: waits until they are done, or gone. */
  readonly alone: (name: string, work: () => Promise<void>) => Promise<void>;
  readonly onStorageError: (error: unknown) => void;
};

/** Writes answers, several at once, shows them once a frame and stores them as they grow. */
export type Pen = {
  readonly live: (id: string) => ReadonlySignal<Live | undefined>;
  readonly writing: ReadonlySignal<readonly { readonly id: string; readonly conversation: string }[]>;
  /** The last thing worth telling to those who don't see it, and of which conversation. */
  readonly news: ReadonlySignal<{ readonly conversation: string; readonly text: string } | undefined>;
  readonly write: (
    answer: AssistantMessage,
    request: { readonly path: readonly Message[]; readonly isAgain: boolean },
  ) => void;
  /** Goes on with an answer of an earlier visit. */
  readonly takeUp: (answer: AssistantMessage) => void;
  /** Resolves once the answer is stored as it was stopped. */
  readonly stop: (id: string) => Promise<void>;
  readonly stopAll: (conversation: string) => Promise<void>;
  readonly onEnd: (listener: (answer: AssistantMessage) => void) => void;
  /** Stores what there is, at once: the page may be gone soon. */
  readonly flush: () => void;
};

/** How often an answer is stored while it is written. */
const SAVE_EVERY_MS = 500;

export function createPen(needs: PenNeeds): Pen {
  const { storage, now } = needs;
  const signals = new Map<string, Signal<Live | undefined>>();
  const active = signal<ReadonlyMap<string, Active>>(new Map());
  const news = signal<{ readonly conversation: string; readonly text: string }>();
  const listeners = new Set<(answer: AssistantMessage) => void>();

  type Active = {
    readonly conversation: string;
    readonly controller: AbortController;
    readonly save: () => Promise<void>;
    readonly ended: Promise<void>;
  };

  function liveOf(id: string): Signal<Live | undefined> {
    const found = signals.get(id) ?? signal<Live | undefined>(undefined);
    signals.set(id, found);
    return found;
  }

  async function run(answer: AssistantMessage, ask: Send | undefined): Promise<void> {
    const controller = new AbortController();
    const live = liveOf(answer.id);
    let writer: Writer | undefined;
    let isDrawn = true;
    let savedAtMs = now();
    let isPickupSaved = answer.pickup !== null;
    let savedTokens = answer.tokenCount;

    function draw(): void {
      isDrawn = true;
      if (writer === undefined || !active.peek().has(answer.id)) return;
      live.value = { message: writer.look(), waiting: writer.waiting(), isReconnecting: writer.isReconnecting() };
    }

    async function save(): Promise<void> {
      if (writer === undefined) return;
      savedAtMs = now();
      const tokens = writer.takeTokens();
      const from = savedTokens;
      savedTokens += tokens.length;
      await storage.saveAnswer(writer.look(), tokens, from).catch(needs.onStorageError);
    }

    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    active.value = new Map([
      ...active.value,
      [answer.id, { conversation: answer.conversation, controller, save, ended }],
    ]);
    live.value = { message: answer, waiting: undefined, isReconnecting: false };
    writer = await writeAnswer(answer, {
      ...{ ask, takeUp: needs.takeUp, signal: controller.signal, now, pause: needs.pause },
      onChange(changed) {
        writer = changed;
        if (isDrawn) {
          isDrawn = false;
          needs.onFrame(draw);
        }
        // From then on a page that is loaded again finds the answer.
        const isFound = !isPickupSaved && changed.canBeTakenUp();
        isPickupSaved ||= isFound;
        if (isFound || now() - savedAtMs >= SAVE_EVERY_MS) void save();
      },
    });
    const whole = writer.look();
    await save();
    active.value = new Map([...active.value].filter(([id]) => id !== answer.id));
    for (const listener of listeners) listener(whole);
    live.value = undefined;
    signals.delete(answer.id);
    news.value = { conversation: answer.conversation, text: tell(whole) };
    end();
  }

  function runAlone({ id }: AssistantMessage, work: () => Promise<void>): void {
    void needs.alone(`sluice-chat-${id}`, work);
  }

  /** Goes on with an answer as it is stored, unless its end is stored by now: another tab may have written it. */
  async function goOn({ id, conversation }: AssistantMessage): Promise<void> {
    const stored = await storage.load(conversation).catch(needs.onStorageError);
    const answer = stored?.find((each) => each.id === id);
    if (answer?.role === "assistant" && answer.state === "writing") await run(answer, undefined);
  }

  async function stop(id: string): Promise<void> {
    const pickup = signals.get(id)?.peek()?.message.pickup;
    const found = active.value.get(id);
    found?.controller.abort();
    // The end of the connection alone is no end for a stream that may be taken up.
    if (pickup) needs.cancel(pickup);
    await found?.ended;
  }

  return {
    live: liveOf,
    writing: computed(() => [...active.value].map(([id, { conversation }]) => ({ id, conversation }))),
    news,
    write(answer, { path, isAgain }) {
      const ask = needs.ask(buildBody(answer.model, path, answer.settings), isAgain);
      runAlone(answer, () => run(answer, ask));
    },
    takeUp(answer) {
      runAlone(answer, () => goOn(answer));
    },
    stop,
    async stopAll(conversation) {
      const own = [...active.value].filter(([, each]) => each.conversation === conversation);
      await Promise.all(own.map(([id]) => stop(id)));
    },
    onEnd(listener) {
      listeners.add(listener);
    },
    flush() {
      for (const { save } of active.value.values()) void save();
    },
  };
}

function tell({ state, content, calls }: AssistantMessage): string {
  const words = content.split(/\s+/).filter((word) => word !== "").length;
  switch (state) {
    case "stopped":
      return `Stopped after ${words} words.`;
    case "failed":
      return "The answer failed.";
    case "cut":
      return `The connection was lost after ${words} words.`;
    default:
      return calls.length > 0 ? "The model calls a tool." : `The answer is complete: ${words} words.`;
  }
}
