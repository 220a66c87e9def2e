/** Keys as they are pressed. */
export type Keys = Pick<NodeJS.ReadableStream, "on" | "off">;

/** The keys that came first, `ended` when there will be no more, or `silent` when none came in time. */
export type Heard = { readonly pressed: string } | "ended" | "silent";

/** Waits for keys, at most for `ms`. Rejects with the reason of `signal`. */
export async function hearKeys(keys: Keys, signal: AbortSignal, ms?: number): Promise<Heard> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Heard>();
  const onKeys = (pressed: Buffer | string) => resolve({ pressed: String(pressed) });
  const onEnd = () => resolve("ended");
  const onAbort = () => reject(signal.reason);
  const timer = ms === undefined ? undefined : setTimeout(() => resolve("silent"), ms);
  keys.on("data", onKeys);
  keys.on("end", onEnd);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    keys.off("data", onKeys);
    keys.off("end", onEnd);
    signal.removeEventListener("abort", onAbort);
  }
}

/**
 * Drops what is typed until nothing was for `ms`, so that it doesn't answer a question that nobody has read. Returns `ended` where there will be
 * no more keys.
 *
 * @param look is shown what is dropped, and may throw
 */
export async function dropTyped(
  keys: Keys,
  signal: AbortSignal,
  ms: number,
  look: (pressed: string) => void = () => {},
): Promise<"silent" | "ended"> {
  for (;;) {
    const heard = await hearKeys(keys, signal, ms);
    if (typeof heard === "string") return heard;
    look(heard.pressed);
  }
}
