import { EVENT_STREAM_HEADERS } from "../event-stream.ts";

/** The events of a background response, for its followers. */
export type EventLog = {
  /** One event each; the index is the event's `sequence_number`. */
  readonly frames: readonly string[];
  readonly append: (frames: readonly string[]) => void;
  readonly end: () => void;
  /** Waits until there are more than `count` frames, or the last has come. Returns whether there are more. */
  readonly hasMoreThan: (count: number) => Promise<boolean>;
};

export function createEventLog(kept: readonly string[] = []): EventLog {
  const frames = [...kept];
  let ended = false;
  let changed = Promise.withResolvers<void>();

  function tell(): void {
    changed.resolve();
    changed = Promise.withResolvers();
  }

  return {
    frames,
    append(more) {
      frames.push(...more);
      tell();
    },
    end() {
      ended = true;
      tell();
    },
    async hasMoreThan(count) {
      while (frames.length <= count && !ended) {
        await changed.promise;
      }
      return frames.length > count;
    },
  };
}

/** Streams the events of `log` from number `from` on. The response goes on if a follower leaves. */
export function followResponse(log: EventLog, from: number): Response {
  let next = from;
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (await log.hasMoreThan(next)) {
          const frames = log.frames.slice(next);
          next += frames.length;
          controller.enqueue(Buffer.from(frames.join("")));
        } else {
          controller.close();
        }
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: EVENT_STREAM_HEADERS });
}
