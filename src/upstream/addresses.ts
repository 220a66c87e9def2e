import { type LookupAddress, type LookupOptions, lookup } from "node:dns";
import { BlockList, isIP } from "node:net";

/** Addresses that lead into a private network, to this machine, or nowhere (RFC 6890 and its kin). */
const PRIVATE = new BlockList();
for (const [address, bits] of [
  ...([
    ["0.0.0.0", 8],
    ["10.0.0.0", 8],
    ["100.64.0.0", 10],
    ["127.0.0.0", 8],
    ["169.254.0.0", 16],
  ] as const),
  ...([
    ["172.16.0.0", 12],
    ["192.0.0.0", 24],
    ["192.168.0.0", 16],
    ["198.18.0.0", 15],
    ["224.0.0.0", 3],
  ] as const),
] as const) {
  PRIVATE.addSubnet(address, bits, "ipv4");
}
for (const [address, bits] of [
  ...([
    ["::", 127],
    ["fc00::", 7],
    ["fe80::", 10],
    ["fec0::", 10],
    ["ff00::", 8],
  ] as const),
  // Each holds an IPv4 address, which may be a private one: 6to4, Teredo, NAT64.
  ...([
    ["2002::", 16],
    ["2001::", 32],
    ["64:ff9b::", 96],
    ["64:ff9b:1::", 48],
  ] as const),
] as const) {
  PRIVATE.addSubnet(address, bits, "ipv6");
}

/** A host name led to an address that the settings don't allow for it. */
export class PrivateAddressError extends Error {
  override readonly name = "PrivateAddressError";
  readonly code = "PRIVATE_ADDRESS";

  constructor(hostname: string, address: string) {
    super(
      `${hostname} leads to ${address}, a private address. Set allowPrivate for this upstream if that is right, or give the address itself.`,
    );
  }
}

/** Whether an address is in no public network. IPv4 addresses in IPv6 form are read as what they are. */
function isPrivateAddress(address: string): boolean {
  return PRIVATE.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

/** Whether the settings name a private address by what they say: by the address itself, or as this machine. */
export function namesPrivate(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, "");
  return isIP(bare) !== 0 || /(^|\.)localhost$/i.test(bare);
}

type Callback = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void;

/** `dns.lookup`, which fails for an answer with a private address. It runs at each connection, so that an answer can't change after the check. */
export function lookupPublic(hostname: string, options: LookupOptions, callback: Callback): void {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, []);
    const wrong = addresses.find(({ address }) => isPrivateAddress(address));
    if (wrong !== undefined) return callback(new PrivateAddressError(hostname, wrong.address), []);
    if (options.all === true) return callback(null, addresses);
    const [first] = addresses;
    if (first === undefined) return callback(new Error(`${hostname} has no address`), []);
    callback(null, first.address, first.family);
  });
}
