import { isLoopback } from "../keys/exposure.ts";

/** The gateway's names while no key is needed. */
export type HostPolicy = {
  /** The address or name that it listens on. */
  readonly bound: string;
  /** Further names, or `*` for any. */
  readonly allowed: readonly string[];
};

/** A name or an address with an optional port, as in `Host`. */
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{0,5})?$/;

/** Returns the name in a `Host` header in lower case, without port, brackets and trailing dot; undefined if it is invalid. */
export function nameInHost(host: string): string | undefined {
  const name = HOST.exec(host.toLowerCase())?.[1]?.replace(/^\[|\]$/g, "");
  const bare = name?.replace(/\.$/, "");
  return bare === "" ? undefined : bare;
}

/**
 * Whether a request with this `Host` is meant for us. A page can let its own name resolve to our address (DNS rebinding). Its browser then
 * takes both for the same origin, and sends that name. No page can own the names of loopback or our own addresses.
 *
 * @param local the local address of the connection, if known
 */
export function isOwnHost(host: string, { bound, allowed }: HostPolicy, local?: string): boolean {
  if (allowed.includes("*")) return true;
  const name = nameInHost(host);
  if (name === undefined) return false;
  if (isLoopback(name) || name.endsWith(".localhost")) return true;
  const own = [bound, local ?? "", ...allowed].map((text) => nameInHost(bracketed(text)) ?? "");
  return own.some((known) => withoutMapping(known) === withoutMapping(name));
}

/** An IPv6 address has brackets in `Host`, and none in the settings. */
function bracketed(text: string): string {
  return text.includes(":") && !text.startsWith("[") ? `[${text}]` : text;
}

/** Returns an IPv4 address that is mapped to IPv6 in its plain form. */
function withoutMapping(name: string): string {
  return name.replace(/^::ffff:/, "");
}
