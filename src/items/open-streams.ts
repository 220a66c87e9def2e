import { type Bound, createByteRoom } from "./byte-room.ts";

export type OpenStreamsOptions = {
  /** How many streams may be open. */
  readonly max: number;
  /** How many of them one key may have. */
  readonly maxOfKey: number;
  /** How many bytes of items a stream may have in flight; a key may have `KEY_SHARES` times as many, and all together `ALL_SHARES` times. */
  readonly maxBytes: number;
};

/** Who opens a stream; undefined where no key is needed. */
type StreamOwner = { readonly id: string; readonly concurrentRequests: number | undefined };

export type OpenStream = {
  /** See `ByteRoom`. */
  readonly take: (bytes: number, signal: AbortSignal) => Promise<() => void>;
  /** The stream has ended. Only the first call counts. */
  readonly leave: () => void;
};

const KEY_SHARES = 2;
const ALL_SHARES = 8;

/** The streams that are open, and the bytes of their items in flight. */
export type OpenStreams = {
  /** Returns a sentence where there is no place for one more. */
  readonly enter: (owner: StreamOwner | undefined) => OpenStream | { readonly refusal: string };
};

export function createOpenStreams({ max, maxOfKey, maxBytes }: OpenStreamsOptions): OpenStreams {
  const room = createByteRoom();
  const all: Bound = { max: ALL_SHARES * maxBytes, used: 0 };
  const keys = new Map<string, { count: number; readonly bound: Bound }>();
  let count = 0;

  return {
    enter(owner) {
      const key = owner && (keys.get(owner.id) ?? { count: 0, bound: { max: KEY_SHARES * maxBytes, used: 0 } });
      const limit = Math.min(maxOfKey, owner?.concurrentRequests ?? maxOfKey);
      if (key !== undefined && key.count >= limit) {
        return {
          refusal: `This API key has as many streams open as it may (${key.count}). Send the items on one of them, or end one.`,
        };
      }
      if (count >= max) return { refusal: `As many streams are open as may be (${count}). Try again later.` };
      count += 1;
      if (owner !== undefined && key !== undefined) {
        key.count += 1;
        keys.set(owner.id, key);
      }
      const bounds = [{ max: maxBytes, used: 0 }, ...(key === undefined ? [] : [key.bound]), all];
      let isOpen = true;
      return {
        take: (bytes, signal) => room.take(bytes, bounds, signal),
        leave() {
          if (!isOpen) return;
          isOpen = false;
          count -= 1;
          if (owner === undefined || key === undefined) return;
          key.count -= 1;
          if (key.count === 0) keys.delete(owner.id);
        },
      };
    },
  };
}
