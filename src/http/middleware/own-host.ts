import type { Context } from "hono";
import { incomingOf } from "../arrival.ts";
import type { HttpEnv } from "../context.ts";
import { HttpError } from "../errors.ts";
import { type HostPolicy, isOwnHost } from "../hosts.ts";

const MAX_QUOTED_LENGTH = 128;

/** Refuses a request with two `Host` headers, of which a proxy may have believed the other. */
export function assertOneHost(c: Context<HttpEnv>): void {
  if (countHosts(c) > 1) throw new HttpError(400, "The request has more than one 'Host' header.", "invalid_host");
}

/** Refuses a request for a name that isn't ours. As long as nobody needs a key, a web page of that name would get to everything that is here. */
export function assertOwnHost(c: Context<HttpEnv>, policy: HostPolicy): void {
  const local = incomingOf(c)?.socket.localAddress;
  const foreign = hostsOf(c).find((host) => !isOwnHost(host, policy, local));
  if (foreign !== undefined) throw notOurs(foreign);
}

/** Node keeps the first of several, and shows all of them here only. */
function countHosts(c: Context<HttpEnv>): number {
  const raw = incomingOf(c)?.rawHeaders ?? [];
  let count = 0;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index];
    if (name?.length === 4 && name.toLowerCase() === "host") count += 1;
  }
  return count;
}

/** The host in the header, and the one in the request's target, which goes before it (RFC 9112, section 3.2.2). */
function hostsOf(c: Context<HttpEnv>): string[] {
  const [header, authority] = [c.req.header("host"), authorityOf(c.req.url)];
  return header === undefined || header === authority ? [authority] : [authority, header];
}

function authorityOf(url: string): string {
  const start = url.indexOf("//") + 2;
  const end = url.indexOf("/", start);
  return url.slice(start, end === -1 ? undefined : end);
}

function notOurs(host: string): HttpError {
  const shown = host.slice(0, MAX_QUOTED_LENGTH);
  return new HttpError(
    403,
    `This gateway isn't known as '${shown}'. As long as there are no keys it answers to its own address and to localhost only. ` +
      "Use one of these, or start Sluice with --allowed-hosts NAME.",
    "host_not_allowed",
  );
}
