import { isLoopback } from "../keys/exposure.ts";

/** By which names the gateway is reached while nobody needs a key. */
export type HostPolicy = {
  /** The address or name that it listens on. */
  readonly bound: string;
  /** Further names, or `*` for any. */
  readonly allowed: readonly string[];
};

/** A name or an address with an optional port, as `Host` has it. */
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{0,5})?$/;

/** The name in a `Host` header in lower case, without port, brackets and the root's dot; undefined where it is none. */
export function nameInHost(host: string): string | undefined {
  const name = HOST.exec(host.toLowerCase())?.[1]?.replace(/^\[|\]$/g, "");
  const bare = name?.replace(/\.$/, "");
  return bare === "" ? undefined : bare;
}

/**
 * Whether a request for this `Host` is meant for us. A page can make its own name stand for our address (DNS rebinding), and is then of the
 * same origin for its browser, which tells us that name. The names of loopback and addresses of ours are nobody else's.
 *
 * @param local the address at which the connection came in, where that is known
 */
export function isOwnHost(host: string, { bound, allowed }: HostPolicy, local?: string): boolean {
  if (allowed.includes("*")) return true;
  const name = nameInHost(host);
  if (name === undefined) return false;
  if (isLoopback(name) || name.endsWith(".localhost")) return true;
  const own = [bound, local ?? "", ...allowed].map((text) => nameInHost(bracketed(text)) ?? "");
  return own.some((known) => withoutMapping(known) === withoutMapping(name));
}

/** An IPv6 address stands in brackets in a `Host`, and without them among the settings. */
function bracketed(text: string): string {
  return text.includes(":") && !text.startsWith("[") ? `[${text}]` : text;
}

/** IPv4 as it is, also where the system tells it as IPv6. */
function withoutMapping(name: string): string {
  return name.replace(/^::ffff:/, "");
}
