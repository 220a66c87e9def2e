import type { BackendState, Occupancy, Residence } from "../generation/backend.ts";
import { createRoutedBackend, createRouteState, type RoutingParts } from "../routing/routed.ts";
import type { LocalBackend } from "./local-backend.ts";

/** What each backend that the directory gets is made of, where that is more than itself. */
const members = new WeakMap<LocalBackend, readonly LocalBackend[]>();

/** The backends behind one that the directory has: itself, or the versions that it joins. */
export function membersOf(backend: LocalBackend): readonly LocalBackend[] {
  return members.get(backend) ?? [backend];
}

const NEW = "@new";

/** The name by which the new version of a model is asked for. */
export function nameOfNew(id: string): string {
  return `${id}${NEW}`;
}

/** The model whose new version has this name. */
export function modelOfNew(name: string): string {
  return name.endsWith(NEW) ? name.slice(0, -NEW.length) : name;
}

/**
 * A model with its next version beside it, which is found by a name of its own. Requests for the model go to either, as requests for a route do: a
 * session stays with one, and what the new one can't answer the stable one does.
 *
 * @param share of the sessions that go to the new version; undefined while it is being loaded
 */
export function joinVersions(
  stable: LocalBackend,
  next: LocalBackend,
  share: number | undefined,
  parts: RoutingParts,
): LocalBackend {
  const both = [stable, next];
  const shown = { ...next, id: nameOfNew(stable.id), aliases: [] };
  const { id: name } = stable;
  const answerThrough =
    share === undefined
      ? undefined
      : createRoutedBackend(
          createRouteState({
            name,
            targets: [
              { model: name, weight: 1 - share },
              { model: shown.id, weight: share },
            ],
          }),
          both.map((_, index) => (index === 0 ? stable : shown)),
          parts,
        ).answerThrough;
  const joined: LocalBackend = {
    ...stable,
    versions: [shown],
    ...(answerThrough && { answerThrough }),
    ...(stable.occupancy && { occupancy: () => sumOf(stable.occupancy?.(), next.occupancy?.()) }),
    residence: () => roomOf(stable.residence?.(), next.residence?.()),
    keepLoaded(ms, by) {
      for (const { keepLoaded } of both) keepLoaded?.(ms, by);
    },
    setNamed(isNamed) {
      for (const { setNamed } of both) setNamed(isNamed);
    },
    unload: async () => void (await Promise.all(both.map(({ unload }) => unload()))),
    close: async () => void (await Promise.all(both.map(({ close }) => close()))),
  };
  members.set(joined, both);
  return joined;
}

/** Whether a version may be asked now: it serves, or is loaded when it is asked. */
export function isServing(state: BackendState, isOnDemand: boolean): boolean {
  return state === "ready" || state === "restarting" || (isOnDemand && state === "unloaded");
}

function sumOf(one: Occupancy | undefined, other: Occupancy | undefined): Occupancy {
  if (one === undefined || other === undefined)
    return one ?? other ?? { waiting: 0, running: 0, firstTokenMs: undefined };
  const [slots, kv] = [
    [one.slots, other.slots],
    [one.kv, other.kv],
  ] as const;
  return {
    ...one,
    waiting: one.waiting + other.waiting,
    running: one.running + other.running,
    ...(slots[0] && slots[1] && { slots: { used: slots[0].used + slots[1].used, all: slots[0].all + slots[1].all } }),
    ...(kv[0] &&
      kv[1] && {
        kv: { heldTokens: kv[0].heldTokens + kv[1].heldTokens, roomTokens: kv[0].roomTokens + kv[1].roomTokens },
      }),
  };
}

function roomOf(one: Residence | undefined, other: Residence | undefined): Residence | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return { ...one, memoryBytes: one.memoryBytes + other.memoryBytes };
}
