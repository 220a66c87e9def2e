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
  const stops = new Map<string, () => void>();

  function look(): void {
    const served = new Map(backends.list().map((backend) => [backend.id, backend]));
    for (const [id, stop] of stops) {
      if (served.has(id)) continue;
      stop();
      stops.delete(id);
    }
    for (const [id, backend] of served) {
      if (stops.has(id) || backend.onStateChange === undefined) continue;
      const listener = follow(backend);
      stops.set(id, listener === undefined ? () => {} : backend.onStateChange(listener));
    }
  }
  look();
  const forget = backends.onChange(look);
  return () => {
    forget();
    for (const stop of stops.values()) stop();
  };
}
