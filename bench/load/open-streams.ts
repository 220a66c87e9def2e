import type { Socket } from "node:net";
import { createAnswerReader, openSocket, writeRequest } from "./closed-loop.ts";

/** Connections that are made at a time. */
const AT_A_TIME = 100;

export type OpenStreamsOptions<Seen> = {
  readonly url: URL;
  readonly body: Buffer;
  readonly count: number;
  /** What the first token of each contains. */
  readonly firstMark: string;
  /** Called when every stream has had its first token and none has ended. */
  readonly atOpen: () => Promise<Seen>;
  readonly signal: AbortSignal;
};

/** Opens streams, each over its own connection, and keeps them open until all have begun. Rejects if one fails or ends before. */
export async function openStreams<Seen>(
  options: OpenStreamsOptions<Seen>,
): Promise<{ readonly opened: number; readonly atOpen: Seen }> {
  const { url, body, count, firstMark, atOpen, signal } = options;
  const payload = writeRequest(url, body, {});
  const sockets: Socket[] = [];
  let ended = 0;

  async function openOne(): Promise<void> {
    const socket = await openSocket(url, signal);
    sockets.push(socket);
    const reader = createAnswerReader();
    await new Promise<void>((resolve, reject) => {
      socket.on("error", reject).on("close", () => reject(new Error(`${url} closed a stream`)));
      socket.on("data", (bytes: Buffer) => {
        try {
          if (reader.read(bytes)) ended += 1;
        } catch (error) {
          reject(error);
        }
        if (bytes.includes(firstMark)) resolve();
      });
      socket.write(payload);
    });
  }

  try {
    while (sockets.length < count) {
      await Promise.all(Array.from({ length: Math.min(AT_A_TIME, count - sockets.length) }, openOne));
    }
    const seen = await atOpen();
    if (ended > 0) throw new Error(`${ended} of ${count} streams of ${url} ended before all were open`);
    return { opened: sockets.length, atOpen: seen };
  } finally {
    for (const socket of sockets) socket.removeAllListeners("close").destroy();
  }
}
