import { signal } from "@preact/signals";
import { send } from "../../api/fetch.ts";
import { key } from "../../api/key.ts";
import { call } from "../answering/gateway.ts";
import { openDatabase } from "../storage/database.ts";
import { createMemory } from "../storage/memory.ts";
import type { Storage } from "../storage/storage.ts";
import { type Chat, createChat } from "./chat.ts";
import { newId } from "./ids.ts";
import { type ChatModel, readModels } from "./models.ts";
import { createPen } from "./pen.ts";

const STORED_AS = "sluice-chat-model";

/** The models that can be chosen; undefined until they are known. */
export const models = signal<readonly ChatModel[] | undefined>(undefined);
/** Why they aren't known. */
export const modelsError = signal<unknown>(undefined);

let opened: Promise<Chat> | undefined;

/** The chat of this page. It lives as long as the document, so that an answer goes on while another page is shown. */
export function openChat(): Promise<Chat> {
  opened ??= create();
  return opened;
}

/** Asks the gateway for its models. */
export async function loadModels(): Promise<void> {
  try {
    models.value = readModels(await (await send("/v1/models")).json());
    modelsError.value = undefined;
  } catch (error) {
    modelsError.value = error;
  }
}

/** Remembers the model that the next conversation begins with. */
export function rememberModel(model: string): void {
  localStorage.setItem(STORED_AS, model);
}

function usualModel(): string {
  const stored = localStorage.getItem(STORED_AS);
  const known = models.value ?? [];
  return (known.find(({ id }) => id === stored) ?? known[0])?.id ?? stored ?? "";
}

async function create(): Promise<Chat> {
  let storage: Storage;
  let problem: string | undefined;
  try {
    storage = await openDatabase();
  } catch (error) {
    storage = createMemory();
    problem = `This browser stores nothing for this page, so conversations end with it: ${error instanceof Error ? error.message : String(error)}`;
  }
  await loadModels();
  let secret = key.value;
  key.subscribe((changed) => {
    if (changed === secret) return;
    secret = changed;
    void loadModels();
  });
  const pen = createPen({
    storage,
    ask: (body, isAgain) => (signal) =>
      call("/v1/chat/completions", {
        ...{ method: "POST", body, signal },
        headers: { "sluice-resume": "1", ...(isAgain && { "cache-control": "no-cache" }) },
      }),
    takeUp: ({ request, lastEvent }, signal) =>
      call(`/v1/streams/${encodeURIComponent(request)}`, { headers: { "last-event-id": lastEvent }, signal }),
    cancel({ request }) {
      // It may have ended by itself.
      send(`/v1/streams/${encodeURIComponent(request)}`, { method: "DELETE" }).catch(() => {});
    },
    onFrame: (callback) => {
      // A page in the background is not drawn.
      if (document.visibilityState === "hidden") setTimeout(callback, 200);
      else requestAnimationFrame(callback);
    },
    now: () => performance.timeOrigin + performance.now(),
    pause,
    alone,
    onStorageError(error) {
      chat.reportStorage(error);
    },
  });
  const chat = createChat({ storage, storageProblem: problem, pen, now: Date.now, newId, usualModel });
  addEventListener("pagehide", pen.flush);
  document.addEventListener("visibilitychange", pen.flush);
  followOtherTabs(chat);
  await chat.start();
  return chat;
}

/** Other tabs show what is done in this one. */
function followOtherTabs(chat: Chat): void {
  const channel = new BroadcastChannel("sluice-chat");
  chat.onStored(() => channel.postMessage("stored"));
  channel.addEventListener("message", () => void chat.refresh());
}

/** Waits; without a network, until there is one, too. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (!navigator.onLine) await next((done, options) => addEventListener("online", done, options), signal);
  await next((done) => setTimeout(done, ms), signal);
}

/** Resolves when `wait` calls back, or the signal is aborted. */
async function next(
  wait: (done: () => void, options: AddEventListenerOptions) => unknown,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return;
  const over = new AbortController();
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { signal: over.signal });
    wait(resolve, { signal: over.signal });
  });
  over.abort();
}

async function alone(name: string, work: () => Promise<void>): Promise<void> {
  // Missing where the page came by plain HTTP from another machine; then two tabs may read one stream, and store the same.
  if (navigator.locks === undefined) await work();
  else await navigator.locks.request(name, work);
}
