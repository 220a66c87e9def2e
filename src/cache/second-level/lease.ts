import { randomUUID } from "node:crypto";
import { setInterval } from "node:timers";
import type { Link } from "../../redis/link.ts";

/** A name in Redis that one gateway has at a time, until it lets go of it or is gone. */
export type Lease = { readonly release: () => Promise<void> };

/** So long others wait for a gateway that is gone. */
const LEASE_MS = 6_000;
const RENEW_MS = 2_000;

/** A lease that has run out may be another's by now. */
const RELEASE = `if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end return 0`;
const RENEW = `if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("PEXPIRE", KEYS[1], ARGV[2]) end return 0`;

/** Undefined where Redis can't be had; "taken" where another has it. It is renewed until it is released. */
export async function takeLease(link: Pick<Link, "run">, name: string): Promise<Lease | "taken" | undefined> {
  const token = randomUUID();
  const own = { keys: [name], arguments: [token, String(LEASE_MS)] };
  const expiration = { type: "PX", value: LEASE_MS } as const;
  const reply = await link.run(async (client) => ({
    isMine: (await client.set(name, token, { condition: "NX", expiration })) !== null,
  }));
  if (reply === undefined) return undefined;
  if (!reply.isMine) return "taken";
  const renewing = setInterval(() => void link.run((client) => client.eval(RENEW, own)), RENEW_MS).unref();
  return {
    async release() {
      clearInterval(renewing);
      await link.run((client) => client.eval(RELEASE, own));
    },
  };
}
