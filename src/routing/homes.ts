import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Link } from "../redis/link.ts";

/**
 * Where sessions were answered that are not where their route puts them, because that target was down or late. Their prefix is there now, so
 * they stay.
 */
export type Homes = {
  /** The target that answered the session last, if it is another than its route's. Never rejects, and takes a bounded time. */
  readonly find: (route: string, session: string) => Promise<string | undefined>;
  /** Undefined: it is where its route puts it. */
  readonly set: (route: string, session: string, target: string | undefined) => void;
};

export type HomesOptions = {
  /** Where several gateways share them; this one's memory alone if absent. */
  readonly redis?: Pick<Link, "run"> | undefined;
  /** How long a session is remembered after its last answer, in ms; half an hour if absent. */
  readonly ttlMs?: number;
};

/** Enough for all sessions of an hour of failures. */
const MAX_SESSIONS = 20_000;
const TTL_MS = 30 * 60 * 1_000;

/** Remembers homes in this process and, if several gateways share them, in Redis. */
export function createHomes({ redis, ttlMs = TTL_MS }: HomesOptions = {}): Homes {
  const own = new LRUCache<string, string>({ max: MAX_SESSIONS, ttl: ttlMs });

  async function ask(name: string): Promise<string | undefined> {
    const found = await redis?.run(async (client) => ({ target: await client.get(name) }));
    if (found === undefined) return own.get(name);
    if (found.target !== null) return String(found.target).slice(0, MAX_TARGET_LENGTH);
    // Another gateway has seen it go back.
    own.delete(name);
    return undefined;
  }

  return {
    find(route, session) {
      const name = nameOf(route, session);
      return redis === undefined ? Promise.resolve(own.get(name)) : ask(name);
    },
    set(route, session, target) {
      const name = nameOf(route, session);
      if (target === undefined) {
        own.delete(name);
        void redis?.run((client) => client.unlink(name));
      } else {
        own.set(name, target);
        void redis?.run((client) => client.set(name, target, { expiration: { type: "PX", value: ttlMs } }));
      }
    },
  };
}

const MAX_TARGET_LENGTH = 4_096;

/** A digest: the session may be a client's own word, or begin with a prompt. */
function nameOf(route: string, session: string): string {
  return `sluice:session:${hash("sha256", JSON.stringify([route, session]), "base64url").slice(0, 32)}`;
}
