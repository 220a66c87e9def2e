import { isIPv4 } from "node:net";
import { shellCommand } from "../version.ts";

/** The gateway would serve any client that reaches its address. */
export class ExposedError extends Error {
  override readonly name = "ExposedError";

  constructor(host: string) {
    super(
      `${host} can be reached from other machines, and there are no keys yet. Create one with \`${shellCommand("keys create NAME")}\` ` +
        "(or set SLUICE_API_KEY or --keys-file), or pass --insecure to serve any client.",
    );
  }
}

/** Whether an address can be reached from this machine only. A name other than `localhost` may be any address. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (bare === "localhost" || bare === "::1" || bare === "0:0:0:0:0:0:0:1") return true;
  const four = bare.replace(/^::ffff:/, "");
  return isIPv4(four) && four.startsWith("127.");
}

/** Whether the gateway is exposed without keys, as the operator allowed. Throws an `ExposedError` if that wasn't allowed. */
export function isExposed({ host, insecure }: { host: string; insecure: boolean }, hasKeys: boolean): boolean {
  if (hasKeys || isLoopback(host)) return false;
  if (!insecure) throw new ExposedError(host);
  return true;
}
