import { EVENT_STREAM_HEADERS } from "../event-stream.ts";

/** The events of a response that runs by itself, for whoever follows it. */
export type EventLog = {
  /** One event each, in order: an event's place is its `sequence_number`. */
  readonly frames: readonly string[];
  readonly append: (frames: readonly string[]) => void;
  readonly end: () => void;
  /** Resolves when there are more than `count` frames, or no more will come. Returns whether there are. */
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

/** Everything in `log` from the event number `from` on, as it comes, as a response. A follower that leaves ends nothing. */
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
