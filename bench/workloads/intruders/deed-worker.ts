/** The thread behind `deed.ts`: says when all is ready, does its deed until it is told to stop, and says what came of it. */
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { type Exchange, post } from "../../load/post.ts";
import type { DeedOutcome } from "./deed.ts";
import type { Deed, RawRequest } from "./kinds.ts";

/** However long it is let loose. */
const MOST_REQUESTS = 2_000;
/** Between one request and the next, so that what is refused at once is no flood. */
const PAUSE_MS = 20;
const REFUSALS: readonly (number | undefined)[] = [429, 503];

const { url, deed } = workerData as { readonly url: string; readonly deed: Deed };
const over = new AbortController();
const answers: Record<string, number> = {};
const refusalsMs: number[] = [];

const work = prepare(deed);
parentPort?.on("message", (message: "go" | "stop") => {
  if (message === "stop") over.abort();
  else
    void work()
      .catch(unlessOver)
      .then(() => parentPort?.postMessage({ answers, refusalsMs } satisfies DeedOutcome));
});
parentPort?.postMessage("ready");

function unlessOver(error: unknown): void {
  if (!over.signal.aborted) throw error;
}

function prepare(deed: Deed): () => Promise<void> {
  switch (deed.type) {
    case "requests": {
      const requests = deed.requests.map(prepareRequest);
      return async () => {
        for (let count = 0; count < MOST_REQUESTS && !over.signal.aborted; count++) {
          await requests[count % requests.length]?.();
          await sleep(PAUSE_MS, undefined, { signal: over.signal });
        }
      };
    }
    case "burst": {
      const send = prepareRequest(deed.request);
      return async () => void (await Promise.all(Array.from({ length: deed.count }, send)));
    }
    case "held":
      return () => hold(deed);
  }
}

function prepareRequest({ path, body }: RawRequest): () => Promise<void> {
  const target = new URL(path, url);
  const payload = Buffer.from(body);
  return async () => note(await post(target, payload, { signal: over.signal }));
}

function note({ status, startedMs, endedMs, cut }: Exchange): void {
  count(cut === undefined && status !== undefined ? String(status) : "none");
  if (cut === undefined && REFUSALS.includes(status)) refusalsMs.push(endedMs - startedMs);
}

function count(answer: string): void {
  answers[answer] = (answers[answer] ?? 0) + 1;
}

/** Keeps connections open without using them as one should. */
async function hold(deed: Extract<Deed, { readonly type: "held" }>): Promise<void> {
  const { hostname, port } = new URL(url);
  const sockets: Socket[] = [];
  const open = (first: string) => {
    const socket = connect({ host: hostname, port: Number(port) });
    let answer = "";
    socket.on("data", (bytes) => {
      answer ||= bytes.toString("latin1").slice(0, 12);
    });
    socket.on("error", () => {});
    socket.on("close", () => count(/^HTTP\/1.1 (\d{3})/.exec(answer)?.[1] ?? "none"));
    if (first !== "") socket.write(first);
    sockets.push(socket);
    return socket;
  };
  const head = (length: number) =>
    `POST ${deed.request.path} HTTP/1.1\r\nhost: ${hostname}:${port}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n`;
  const { body } = deed.request;

  const trickled = [
    ...Array.from({ length: deed.slowBodies }, () => ({ socket: open(`${head(body.length)}\r\n`), text: body })),
    ...Array.from({ length: deed.slowHeads }, () => ({ socket: open(""), text: head(body.length) })),
  ];
  for (let index = 0; index < deed.idle; index++) open("");
  for (let index = 0; index < deed.unread; index++) open(`${head(body.length)}\r\n${body}`).pause();

  try {
    for (let sent = 0; ; sent++) {
      for (const { socket, text } of trickled) if (socket.writable) socket.write(text.charAt(sent));
      await sleep(deed.everyMs, undefined, { signal: over.signal });
    }
  } finally {
    const closed = sockets.map(
      (socket) => new Promise<void>((resolve) => (socket.closed ? resolve() : socket.once("close", () => resolve()))),
    );
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
  }
}
