import type { Backend } from "../generation/backend.ts";
import type { Leaving } from "../routing/directory.ts";
import type { LocalBackend } from "./local-backend.ts";

/** Models that are no longer served, until their requests have ended. */
export type Departures = {
  /** Sees a model off: once its requests have ended, it is unloaded and closed. Those of other servers are closed with their `server`. */
  readonly see: (leaving: Leaving, server: Promise<void>) => void;
  /** Closes those that are left at once. */
  readonly close: () => Promise<void>;
};

export function createDepartures(): Departures {
  const here = new Set<LocalBackend>();

  async function seeOff(backend: LocalBackend, forget: () => void): Promise<void> {
    here.add(backend);
    // A question about text may load it again: it waits in no queue.
    do {
      await backend.idle();
      await backend.unload();
    } while (backend.state() !== "unloaded" && backend.state() !== "failed");
    forget();
    await backend.close();
    here.delete(backend);
  }

  return {
    see({ backend, forget }, server) {
      if (isLocal(backend)) void seeOff(backend, forget);
      else void server.then(forget);
    },
    close: async () => void (await Promise.all([...here].map((backend) => backend.close()))),
  };
}

function isLocal(backend: Backend): backend is LocalBackend {
  return "idle" in backend;
}
