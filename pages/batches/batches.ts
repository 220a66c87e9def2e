import { signal } from "@preact/signals";
import type { LiveBatch, LiveSnapshot } from "../../src/live/snapshot.ts";
import { followEvents } from "../api/events.ts";
import { ApiError, fetchJson, send } from "../api/fetch.ts";
import { saveFile } from "../frame/save.ts";
import {
  type AnthropicBatch,
  type Batch,
  fromAnthropic,
  fromOpenAi,
  type OpenAiBatch,
  type ResultFile,
} from "./batch.ts";

/** How often the list is asked for where nothing tells of changes: the live stream is for admins. */
const REFRESH_MS = 2_000;
const FIRST_LIMIT = 20;
/** The API's own bound of a page. */
export const MOST = 100;

/** The batches of the key, newest first; undefined until they were read. */
export const batches = signal<readonly Batch[] | undefined>(undefined);
/** Whether there are older ones than those that are shown. */
export const hasMore = signal(false);
/** What the gateway tells each second of those that have not ended, whosever they are. */
export const live = signal<readonly LiveBatch[]>([]);
export const failure = signal<unknown>(undefined);

let limit = FIRST_LIMIT;
let reading: Promise<void> | undefined;

/** Shows as many as the API tells at once. */
export async function showOlder(): Promise<void> {
  limit = MOST;
  await refresh();
}

/** Reads the list, after a reading that has begun: that may not know yet what was changed. */
export async function refresh(signal?: AbortSignal): Promise<void> {
  await reading;
  reading = read(signal).finally(() => {
    reading = undefined;
  });
  await reading;
}

async function read(signal?: AbortSignal): Promise<void> {
  const options = signal === undefined ? {} : { signal };
  try {
    const [one, other] = await Promise.all([
      fetchJson<{ data: OpenAiBatch[]; has_more: boolean }>(`/v1/batches?limit=${limit}`, options),
      fetchJson<{ data: AnthropicBatch[]; has_more: boolean }>(`/v1/messages/batches?limit=${limit}`, options),
    ]);
    if (signal?.aborted === true) return;
    batches.value = [...one.data.map(fromOpenAi), ...other.data.map(fromAnthropic)].toSorted(
      (a, b) => b.createdMs - a.createdMs,
    );
    hasMore.value = one.has_more || other.has_more;
    failure.value = undefined;
  } catch (error) {
    if (signal?.aborted !== true) failure.value = error;
  }
}

/** Keeps the list as it is at the gateway, until the returned function is called. */
export function follow(): () => void {
  const left = new AbortController();
  let isTold = false;
  /** Which batches run, and how they stand: when that changes, the list does. */
  let standing: string | undefined;
  let timer: number | undefined;
  void followEvents(
    "/admin/live",
    {
      onState({ type }) {
        isTold = type === "live";
        if (!isTold) live.value = [];
      },
      onEvent({ event, data }) {
        if (event !== "snapshot") return;
        const { batches: told } = JSON.parse(data) as LiveSnapshot;
        live.value = told;
        const now = told.map(({ id, status }) => `${id} ${status}`).join();
        // One may have ended between two snapshots.
        const hasEnded = batches
          .peek()
          ?.some(({ id, endedMs }) => endedMs === undefined && !told.some((each) => each.id === id));
        if ((standing !== undefined && now !== standing) || hasEnded === true) void refresh(left.signal);
        standing = now;
      },
    },
    left.signal,
    // The list takes any key, and asks for one itself.
    { asksForKey: false },
  );
  async function poll(): Promise<void> {
    if (!isTold || batches.peek() === undefined) await refresh(left.signal);
    if (!left.signal.aborted && !needsKey(failure.peek())) timer = window.setTimeout(poll, REFRESH_MS);
  }
  void poll();
  return () => {
    left.abort();
    clearTimeout(timer);
    [batches.value, live.value, failure.value, hasMore.value] = [undefined, [], undefined, false];
    limit = FIRST_LIMIT;
  };
}

/** It would be asked in vain for ever. */
function needsKey(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 401 || error.status === 403);
}

export async function cancel({ cancelPath }: Batch): Promise<void> {
  try {
    await send(cancelPath, { method: "POST" });
    await refresh();
  } catch (error) {
    failure.value = error;
  }
}

export async function download({ path, name }: ResultFile): Promise<void> {
  try {
    // With the key, which a link can't send. The browser keeps what is large on the disk.
    saveFile(name, await (await send(path)).blob());
  } catch (error) {
    failure.value = error;
  }
}
