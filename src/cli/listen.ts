import { once } from "node:events";
import { createServer } from "node:net";
import { z } from "zod";
import { ConfigError } from "../config/problems.ts";
import type { Config } from "../config/schema.ts";
import { isLoopback } from "../keys/exposure.ts";
import { CommandError, errorCode } from "./errors.ts";

/** Bounds on asking the program that has the address. */
const PROBE_MS = 1_000;
const MAX_ROOT_BYTES = 4_096;

export type ListenAddress = {
  readonly host: string;
  readonly port: number;
  /** The flag that names the port, and that names the host. */
  readonly flags?: { readonly port: string; readonly host: string };
};

const MAIN = { port: "--port", host: "--host" };
const METRICS = { port: "--metrics-port", host: "--metrics-host" };

type Listened = Pick<Config, "host" | "port" | "metricsPort" | "metricsHost" | "metrics">;

/** The addresses to listen on, the metrics' last. Throws a ConfigError if the metrics' own port can't be. */
export function addressesOf({ host, port, metricsPort, metricsHost, metrics }: Listened): readonly ListenAddress[] {
  const main = { host, port, flags: MAIN };
  if (metricsPort === "none") return [main];
  if (metrics === "off") {
    throw new ConfigError(["metricsPort: nothing is counted with metrics: off. Leave one of the two out."]);
  }
  const own = { host: metricsHost === "" ? host : metricsHost, port: metricsPort, flags: METRICS };
  if (own.port === port && own.port !== 0 && own.host === host) {
    throw new ConfigError([`metricsPort: ${port} is the gateway's own port. Choose another one, or 0 for a free one.`]);
  }
  return [main, own];
}

/** The one of them that an error of listening is about: the gateway's own unless it is another's. */
export function addressOf(error: unknown, settings: Listened): ListenAddress {
  const { host, port } = settings;
  const main = { host, port };
  if (!(error instanceof Error) || !("port" in error)) return main;
  return addressesOf(settings).find((address) => address.port === error.port) ?? main;
}

/**
 * Checks that the address is free, before a model is downloaded or loaded in vain. Throws a CommandError that says what to do. Another program
 * can still take the address afterwards, so the same errors are explained when the gateway listens.
 */
export async function checkAddress(address: ListenAddress): Promise<void> {
  const server = createServer();
  try {
    server.listen({ host: address.host, port: address.port, exclusive: true });
    await once(server, "listening");
  } catch (error) {
    const { host, port, flags = MAIN } = address;
    if (errorCode(error) === "EADDRINUSE" && isLoopback(host) && (await isSluice(host, port))) {
      throw new CommandError(
        `Sluice already runs on port ${port} of ${host}. Use that one, or choose another port with ${flags.port}; ${flags.port} 0 picks a free one.`,
        { cause: error },
      );
    }
    throw explainListenError(error, address);
  }
  server.close();
  await once(server, "close");
}

/** Whether Sluice listens there: its root names it. */
async function isSluice(host: string, port: number): Promise<boolean> {
  try {
    const shownHost = host.includes(":") ? `[${host.replaceAll(/[[\]]/g, "")}]` : host;
    const response = await fetch(`http://${shownHost}:${port}/`, {
      redirect: "manual",
      signal: AbortSignal.timeout(PROBE_MS),
    });
    const declared = Number(response.headers.get("content-length") ?? Number.POSITIVE_INFINITY);
    if (declared > MAX_ROOT_BYTES) {
      await response.body?.cancel();
      return false;
    }
    return z.object({ name: z.literal("Sluice") }).safeParse(await response.json()).success;
  } catch {
    return false;
  }
}

/** Explains an error of listening, and what to do; returns any other error unchanged. */
export function explainListenError(error: unknown, { host, port, flags = MAIN }: ListenAddress): unknown {
  const explanation = explain(errorCode(error), host, port, flags);
  return explanation === undefined ? error : new CommandError(explanation, { cause: error });
}

function explain(code: string | undefined, host: string, port: number, flags: typeof MAIN): string | undefined {
  switch (code) {
    case "EADDRINUSE":
      return `Port ${port} on ${host} is used by another program. Stop it, or choose another port with ${flags.port}; ${flags.port} 0 picks a free one.`;
    case "EACCES":
      return `This user may not listen on port ${port}. Ports below 1024 need special permissions on most systems; choose a higher one, such as ${flags.port} ${flags === MAIN ? 8080 : 9090}.`;
    case "EADDRNOTAVAIL":
      return `This machine does not have the address ${host}. Use ${flags.host} 127.0.0.1 to accept connections from this machine only, or ${flags.host} 0.0.0.0 to accept them from every network.`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `The host name ${host} can't be resolved to an address. Set ${flags.host} to an IP address of this machine, such as 127.0.0.1.`;
    case "EAFNOSUPPORT":
      return `This machine does not support addresses such as ${host}. Use ${flags.host} 127.0.0.1, or ${flags.host} 0.0.0.0 for every network.`;
    default:
      return undefined;
  }
}
