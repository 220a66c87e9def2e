import type { Backend } from "../generation/backend.ts";
import type { Leaving } from "../routing/directory.ts";
import type { LocalBackend } from "./local-backend.ts";
import { membersOf } from "./versions.ts";

/** Models that are no longer served, until their requests have ended. */
export type Departures = {
  /**
   * Sees a model off: once its requests have ended, it is unloaded and closed. Those of other servers are closed with their `server`.
   * @param isServed whether a part of it goes on under the same or another name
   */
  readonly see: (leaving: Leaving, server: Promise<void>, isServed: (backend: LocalBackend) => boolean) => void;
  /** Resolves when this one has left. */
  readonly gone: (backend: LocalBackend) => Promise<void>;
  /** Closes those that are left at once. */
  readonly close: () => Promise<void>;
};

export function createDepartures(): Departures {
  const here = new Set<LocalBackend>();
  const awaited = new WeakMap<LocalBackend, PromiseWithResolvers<void>>();

  async function seeOff(backend: LocalBackend): Promise<void> {
    here.add(backend);
    // A question about text may load it again: it waits in no queue.
    do {
      await backend.idle();
      await backend.unload();
    } while (backend.state() !== "unloaded" && backend.state() !== "failed");
    await backend.close();
    here.delete(backend);
    awaited.get(backend)?.resolve();
  }

  return {
    see({ backend, forget }, server, isServed) {
      if (!isLocal(backend)) {
        void server.then(forget);
        return;
      }
      const ended = membersOf(backend).map((each) => (isServed(each) ? each.idle() : seeOff(each)));
      void Promise.all(ended).then(forget);
    },
    gone(backend) {
      const waiting = awaited.get(backend) ?? Promise.withResolvers<void>();
      awaited.set(backend, waiting);
      return waiting.promise;
    },
    close: async () => void (await Promise.all([...here].map((backend) => backend.close()))),
  };
}

function isLocal(backend: Backend): backend is LocalBackend {
  return "idle" in backend;
}
