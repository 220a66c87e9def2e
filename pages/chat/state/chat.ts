import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import type { AssistantMessage, Conversation, Lane, Message, Token } from "../conversation/message.ts";
import { NO_SETTINGS, type Settings } from "../conversation/settings.ts";
import { titleOf } from "../conversation/title.ts";
import { growTree, newestBelow, pathTo, type Tree } from "../conversation/tree.ts";
import type { Storage, Whole } from "../storage/storage.ts";
import type { Live, Pen } from "./pen.ts";

/** The chat: what is shown, and what can be done. */
export type Chat = {
  /** All stored conversations, the last changed first. */
  readonly conversations: ReadonlySignal<readonly Conversation[]>;
  /** The open one. It is stored once it has a message. */
  readonly current: ReadonlySignal<Conversation>;
  readonly tree: ReadonlySignal<Tree>;
  /** Why conversations can't be kept; undefined while they are. */
  readonly storageProblem: ReadonlySignal<string | undefined>;
  /** The conversation that was deleted last, while that can be taken back. */
  readonly deleted: ReadonlySignal<Whole | undefined>;
  /** An answer while it is written. */
  readonly live: (id: string) => ReadonlySignal<Live | undefined>;
  readonly isWriting: ReadonlySignal<boolean>;
  /** The last thing in the open conversation worth telling to those who don't see it. */
  readonly news: ReadonlySignal<string>;

  /** Reads what is stored, and takes up what was being written. */
  readonly start: () => Promise<void>;
  /** Reads again what another tab has changed. */
  readonly refresh: () => Promise<void>;
  /** Calls back when something worth a refresh was stored. */
  readonly onStored: (listener: () => void) => void;
  readonly reportStorage: (error: unknown) => void;
  readonly begin: () => void;
  readonly open: (id: string) => Promise<void>;
  readonly rename: (id: string, title: string) => void;
  readonly remove: (id: string) => Promise<void>;
  readonly restore: () => Promise<void>;
  readonly forgetDeleted: () => void;
  readonly search: (words: string, signal: AbortSignal) => Promise<ReadonlySet<string>>;
  /** All conversations, without the probabilities of tokens. */
  readonly readAll: () => Promise<readonly Whole[]>;
  readonly add: (all: readonly Whole[]) => Promise<void>;
  readonly tokensOf: (id: string) => Promise<readonly Token[]>;

  readonly setSettings: (settings: Settings) => void;
  readonly setModel: (lane: number, model: string) => void;
  /** Shows a second thread for another model, or only the first. */
  readonly compare: (model: string | undefined) => void;
  /** Adds a message to each thread, and has it answered. */
  readonly send: (text: string) => void;
  readonly stop: (id?: string) => void;
  /** Shows another branch. */
  readonly choose: (lane: number, id: string) => void;
  readonly regenerate: (lane: number, id: string) => void;
  /** Makes a branch with another text: a user's message is answered, an answer is kept as it is. */
  readonly edit: (lane: number, id: string, text: string) => void;
  /** Writes an answer on. */
  readonly continueAnswer: (lane: number, id: string) => void;
  /** Makes a branch that begins with the text, and writes it on. */
  readonly goOn: (lane: number, id: string, text: string) => void;
  /** Answers an answer's calls, each with its result, and has the model go on. */
  readonly giveResults: (lane: number, id: string, results: readonly string[]) => void;
};

export type ChatNeeds = {
  readonly storage: Storage;
  /** Why the storage won't last; undefined if it will. */
  readonly storageProblem: string | undefined;
  readonly pen: Pen;
  readonly now: () => number;
  readonly newId: () => string;
  /** The model of a new conversation. */
  readonly usualModel: () => string;
};

export function createChat(needs: ChatNeeds): Chat {
  const { storage, pen, newId } = needs;
  const conversations = signal<readonly Conversation[]>([]);
  const storageProblem = signal(needs.storageProblem);
  const deleted = signal<Whole | undefined>(undefined);
  const current = signal<Conversation>(blank());
  const messages = signal<ReadonlyMap<string, Message>>(new Map());
  const tree = computed(() => growTree(messages.value.values()));
  const listeners = new Set<() => void>();
  let lastMs = 0;

  /** Grows with every call, so that messages have an order. */
  function tick(): number {
    lastMs = Math.max(needs.now(), lastMs + 1);
    return lastMs;
  }

  function blank(): Conversation {
    const createdAtMs = needs.now();
    return {
      ...{ id: newId(), title: "", createdAtMs, updatedAtMs: createdAtMs, settings: NO_SETTINGS },
      lanes: [{ model: needs.usualModel(), head: null }],
    };
  }

  function reportStorage(error: unknown): void {
    storageProblem.value = `This browser doesn't store the conversation: ${error instanceof Error ? error.message : String(error)}`;
  }

  function tellStored(): void {
    for (const listener of listeners) listener();
  }

  /** Stores, or says why not. */
  function keep(work: Promise<unknown>): void {
    work.then(tellStored, reportStorage);
  }

  function isStored(id: string): boolean {
    return conversations.value.some((each) => each.id === id);
  }

  function change(changed: Conversation, isNews = true): void {
    const conversation = isNews ? { ...changed, updatedAtMs: needs.now() } : changed;
    if (conversation.id === current.value.id) current.value = conversation;
    if (!isStored(conversation.id)) return;
    const others = conversations.value.filter(({ id }) => id !== conversation.id);
    conversations.value = isNews
      ? [conversation, ...others]
      : conversations.value.map((each) => (each.id === conversation.id ? conversation : each));
    keep(storage.saveConversation(conversation));
  }

  function addMessages(added: readonly Message[]): void {
    messages.value = new Map([...messages.value, ...added.map((each) => [each.id, each] as const)]);
    keep(storage.saveMessages(added));
  }

  function setLanes(lanes: readonly Lane[]): void {
    change({ ...current.value, lanes });
  }

  function setHead(lane: number, head: string): void {
    setLanes(current.value.lanes.map((each, index) => (index === lane ? { ...each, head } : each)));
  }

  function newAnswer(parent: string | null, model: string, given = ""): AssistantMessage {
    return {
      ...{ role: "assistant", id: newId(), conversation: current.value.id, parent, createdAtMs: tick(), model },
      ...{ content: given, reasoning: "", calls: [], state: "writing", settings: current.value.settings, finish: null },
      ...{ problem: null, facts: {}, tokenCount: 0, tokensFromChar: given.length, pickup: null },
    };
  }

  /** Has an answer written, and shows it from its first word on. */
  function write(answer: AssistantMessage, isAgain: boolean): void {
    const path = pathTo(tree.value, answer.id).slice(0, -1);
    // An answer that has a text already is continued.
    pen.write(answer, { path: answer.content === "" ? path : [...path, answer], isAgain });
  }

  pen.onEnd((answer) => {
    tellStored();
    if (answer.conversation !== current.value.id) return;
    messages.value = new Map([...messages.value, [answer.id, answer]]);
  });

  function answerOf(id: string): AssistantMessage | undefined {
    const found = messages.value.get(id);
    return found?.role === "assistant" ? found : undefined;
  }

  function branch(lane: number, parent: string | null, model: string, given: string, isAgain: boolean): void {
    const answer = newAnswer(parent, model, given);
    batch(() => {
      addMessages([answer]);
      setHead(lane, answer.id);
    });
    write(answer, isAgain);
  }

  const chat: Chat = {
    ...{ conversations, current, tree, storageProblem, deleted },
    live: pen.live,
    isWriting: computed(() => pen.writing.value.some(({ conversation }) => conversation === current.value.id)),
    news: computed(() => (pen.news.value?.conversation === current.value.id ? pen.news.value.text : "")),

    async start() {
      conversations.value = await storage.list();
      for (const message of await storage.unfinished()) {
        if (message.role === "assistant") pen.takeUp(message);
      }
    },

    async refresh() {
      const { id } = current.value;
      const [list, loaded] = await Promise.all([storage.list(), storage.load(id)]);
      batch(() => {
        conversations.value = list;
        // What this tab writes, it knows best.
        if (id !== current.value.id || chat.isWriting.value || loaded.length === 0) return;
        messages.value = new Map(loaded.map((message) => [message.id, message]));
      });
    },

    onStored(listener) {
      listeners.add(listener);
    },

    reportStorage,

    begin() {
      batch(() => {
        const { model } = current.value.lanes[0] ?? { model: needs.usualModel() };
        const next = blank();
        current.value = { ...next, lanes: [{ model, head: null }] };
        messages.value = new Map();
      });
    },

    async open(id) {
      const conversation = conversations.value.find((each) => each.id === id);
      if (conversation === undefined) return;
      const loaded = await storage.load(id);
      batch(() => {
        current.value = conversations.value.find((each) => each.id === id) ?? conversation;
        messages.value = new Map(loaded.map((message) => [message.id, message]));
        lastMs = Math.max(lastMs, ...loaded.map(({ createdAtMs }) => createdAtMs));
      });
    },

    rename(id, title) {
      const conversation = conversations.value.find((each) => each.id === id);
      const trimmed = title.trim().slice(0, 200);
      if (conversation !== undefined && trimmed !== "") change({ ...conversation, title: trimmed }, false);
    },

    async remove(id) {
      const conversation = conversations.value.find((each) => each.id === id);
      if (conversation === undefined) return;
      await pen.stopAll(id);
      const whole = await storage.take(id);
      batch(() => {
        deleted.value = whole;
        conversations.value = conversations.value.filter((each) => each.id !== id);
        if (id === current.value.id) chat.begin();
      });
      tellStored();
    },

    async restore() {
      const whole = deleted.value;
      if (whole === undefined) return;
      deleted.value = undefined;
      await chat.add([whole]);
      await chat.open(whole.conversation.id);
    },

    forgetDeleted() {
      deleted.value = undefined;
    },

    search: storage.search,

    readAll: () =>
      Promise.all(
        conversations.value.map(async (conversation) => ({
          conversation,
          messages: await storage.load(conversation.id),
          tokens: [],
        })),
      ),

    async add(all) {
      await storage.add(all);
      conversations.value = await storage.list();
      tellStored();
    },

    tokensOf: storage.tokensOf,

    setSettings(settings) {
      change({ ...current.value, settings }, false);
    },

    setModel(lane, model) {
      setLanes(current.value.lanes.map((each, index) => (index === lane ? { ...each, model } : each)));
    },

    compare(model) {
      const [first] = current.value.lanes;
      if (first === undefined) return;
      setLanes(model === undefined ? [first] : [first, { model, head: first.head }]);
    },

    send(content) {
      const { id: conversation, lanes, title } = current.value;
      const isFirst = !isStored(conversation);
      /** Threads that are at one message share the next one. */
      const asked = new Map<string | null, Message>();
      const answers: AssistantMessage[] = [];
      for (const { head, model } of lanes) {
        const question: Message = asked.get(head) ?? {
          ...{ role: "user", id: newId(), conversation, parent: head, createdAtMs: tick(), content },
        };
        asked.set(head, question);
        answers.push(newAnswer(question.id, model));
      }
      batch(() => {
        if (isFirst) conversations.value = [current.value, ...conversations.value];
        addMessages([...asked.values(), ...answers]);
        change({
          ...current.value,
          title: title === "" ? titleOf(content) : title,
          lanes: lanes.map((lane, index) => ({ ...lane, head: answers[index]?.id ?? lane.head })),
        });
        deleted.value = undefined;
      });
      for (const answer of answers) write(answer, false);
    },

    stop(id) {
      if (id === undefined) void pen.stopAll(current.value.id);
      else void pen.stop(id);
    },

    choose(lane, id) {
      setHead(lane, newestBelow(tree.value, id));
    },

    regenerate(lane, id) {
      const old = answerOf(id);
      const model = current.value.lanes[lane]?.model ?? old?.model;
      if (old !== undefined && model !== undefined) branch(lane, old.parent, model, "", true);
    },

    edit(lane, id, text) {
      const old = messages.value.get(id);
      const model = current.value.lanes[lane]?.model;
      if (old === undefined || model === undefined) return;
      if (old.role === "assistant") {
        const edited = { ...newAnswer(old.parent, old.model, text), state: "edited" as const };
        batch(() => {
          addMessages([edited]);
          setHead(lane, edited.id);
        });
        return;
      }
      const question: Message = { ...old, id: newId(), createdAtMs: tick(), content: text };
      addMessages([question]);
      branch(lane, question.id, model, "", false);
    },

    continueAnswer(lane, id) {
      const old = answerOf(id);
      if (old === undefined || old.content === "") return;
      const { settings } = current.value;
      const answer: AssistantMessage = {
        ...{ ...old, state: "writing", problem: null, finish: null, settings },
        // Tokens follow those that are there, if there are any.
        tokensFromChar: old.tokenCount > 0 ? old.tokensFromChar : old.content.length,
      };
      batch(() => {
        addMessages([answer]);
        setHead(lane, answer.id);
      });
      write(answer, false);
    },

    goOn(lane, id, text) {
      const old = answerOf(id);
      if (old !== undefined) branch(lane, old.parent, old.model, text, false);
    },

    giveResults(lane, id, results) {
      const old = answerOf(id);
      const model = current.value.lanes[lane]?.model;
      if (old === undefined || model === undefined) return;
      let parent = id;
      const given = old.calls.map((call, index): Message => {
        const message: Message = {
          ...{ role: "tool", id: newId(), conversation: old.conversation, parent, createdAtMs: tick() },
          ...{ call: call.id, content: results[index] ?? "" },
        };
        parent = message.id;
        return message;
      });
      addMessages(given);
      branch(lane, parent, model, "", false);
    },
  };
  return chat;
}
