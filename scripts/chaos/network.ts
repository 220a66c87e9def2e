import { execFileSync } from "node:child_process";

const BRIDGE = "sluice-br";
const SUBNET = "10.77.0";
/** Where frames go that nobody gets. */
const NOWHERE = "02:00:00:00:00:01";

/** A machine: a network namespace of its own on a common bridge. */
export type Machine = { readonly name: string; readonly address: string };

/** The network between machines. */
export type Network = {
  readonly machines: readonly Machine[];
  /** What runs a program on a machine. */
  readonly on: (machine: Machine, program: string, ...args: readonly string[]) => readonly [string, readonly string[]];
  /** Whether frames go between two machines. Lost ones are lost silently, as behind a broken switch. */
  readonly connect: (one: Machine, other: Machine, isConnected: boolean) => void;
  /** Whether a machine's cable is in. */
  readonly plug: (machine: Machine, isIn: boolean) => void;
  readonly remove: () => void;
};

/** Needs root, and `ip` of iproute2. */
export function createNetwork(names: readonly string[]): Network {
  const machines = names.map((name, index) => ({ name: `sluice-${name}`, address: `${SUBNET}.${11 + index}` }));

  function remove(): void {
    for (const { name } of machines) tryIp("netns", "del", name);
    tryIp("link", "del", BRIDGE);
  }

  remove();
  ip("link", "add", BRIDGE, "type", "bridge");
  ip("addr", "add", `${SUBNET}.1/24`, "dev", BRIDGE);
  ip("link", "set", BRIDGE, "up");
  for (const { name, address } of machines) {
    const outer = outerOf(name);
    ip("netns", "add", name);
    ip("link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", name);
    ip("link", "set", outer, "master", BRIDGE, "up");
    ip("-n", name, "addr", "add", `${address}/24`, "dev", "eth0");
    ip("-n", name, "link", "set", "eth0", "up");
    ip("-n", name, "link", "set", "lo", "up");
  }
  return {
    machines,
    on: ({ name }, program, ...args) => ["ip", ["netns", "exec", name, program, ...args]],
    connect(one, other, isConnected) {
      for (const [from, to] of [
        [one, other],
        [other, one],
      ] as const) {
        const entry = [to.address, "dev", "eth0"];
        if (isConnected) ip("-n", from.name, "neigh", "del", ...entry);
        else ip("-n", from.name, "neigh", "replace", ...entry, "lladdr", NOWHERE, "nud", "permanent");
      }
    },
    plug: ({ name }, isIn) => ip("link", "set", outerOf(name), isIn ? "up" : "down"),
    remove,
  };
}

/** At most 15 characters. */
function outerOf(name: string): string {
  return `v-${name}`;
}

function ip(...args: readonly string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
}

function tryIp(...args: readonly string[]): void {
  try {
    ip(...args);
  } catch {
    // There is none.
  }
}
