import { isIPv4 } from "node:net";

/** The gateway would let everybody in who reaches its address. */
export class ExposedError extends Error {
  override readonly name = "ExposedError";

  constructor(host: string) {
    super(
      `${host} may be reached from other machines, and there are no keys yet. Make one with \`sluice keys create NAME\` ` +
        "(or set SLUICE_API_KEY or --keys-file), or say --insecure to serve whoever comes.",
    );
  }
}

/** Whether an address is reached from this machine only. Names other than `localhost` may be anything. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (bare === "localhost" || bare === "::1" || bare === "0:0:0:0:0:0:0:1") return true;
  const four = bare.replace(/^::ffff:/, "");
  return isIPv4(four) && four.startsWith("127.");
}

/** Whether nothing protects the gateway but that the operator said so. Throws an `ExposedError` where nobody did. */
export function isExposed({ host, insecure }: { host: string; insecure: boolean }, hasKeys: boolean): boolean {
  if (hasKeys || isLoopback(host)) return false;
  if (!insecure) throw new ExposedError(host);
  return true;
}
