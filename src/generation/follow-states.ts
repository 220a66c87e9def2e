import type { Backend, BackendState } from "./backend.ts";

/** Backends that come and go. */
export type Backends<B> = {
  readonly list: () => readonly B[];
  readonly onChange: (listener: () => void) => () => void;
};

/**
 * Follows the states of backends, also of those that come later. Returns what ends that.
 *
 * @param follow called with each when it comes; what it returns is called after each change of its state
 */
export function followStates<
  B extends Pick<Backend, "id"> & { readonly onStateChange?: Backend["onStateChange"] | undefined },
>(backends: Backends<B>, follow: (backend: B) => ((state: BackendState) => void) | undefined): () => void {
  const followed = new Map<string, { readonly by: B["onStateChange"]; readonly stop: () => void }>();

  function look(): void {
    const served = new Map(backends.list().map((backend) => [backend.id, backend]));
    for (const [id, { by, stop }] of followed) {
      // Another one may have come in its place, under its name.
      if (served.get(id)?.onStateChange === by) continue;
      stop();
      followed.delete(id);
    }
    for (const [id, backend] of served) {
      const { onStateChange } = backend;
      if (followed.has(id) || onStateChange === undefined) continue;
      const listener = follow(backend);
      followed.set(id, { by: onStateChange, stop: listener === undefined ? () => {} : onStateChange(listener) });
    }
  }
  look();
  const forget = backends.onChange(look);
  return () => {
    forget();
    for (const { stop } of followed.values()) stop();
  };
}
