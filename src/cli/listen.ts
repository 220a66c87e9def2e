import { once } from "node:events";
import { createServer } from "node:net";
import { CommandError, errorCode } from "./errors.ts";

export type ListenAddress = { readonly host: string; readonly port: number };

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
    throw explainListenError(error, address);
  }
  server.close();
  await once(server, "close");
}

/** Explains an error of listening, and what to do; returns any other error unchanged. */
export function explainListenError(error: unknown, { host, port }: ListenAddress): unknown {
  const explanation = explain(errorCode(error), host, port);
  return explanation === undefined ? error : new CommandError(explanation, { cause: error });
}

function explain(code: string | undefined, host: string, port: number): string | undefined {
  switch (code) {
    case "EADDRINUSE":
      return `Port ${port} on ${host} is taken by another program. Stop that one, or take another port with --port; --port 0 finds a free one.`;
    case "EACCES":
      return `This user may not listen on port ${port}. Ports below 1024 need special rights on most systems; take a higher one, such as --port 8080.`;
    case "EADDRNOTAVAIL":
      return `This machine does not have the address ${host}. Use --host 127.0.0.1 to be reached from this machine alone, or --host 0.0.0.0 from every network it is on.`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `The host name ${host} has no address here. Give --host an IP address of this machine, such as 127.0.0.1.`;
    case "EAFNOSUPPORT":
      return `This machine does not speak the kind of address that ${host} is. Use --host 127.0.0.1, or --host 0.0.0.0 for every network.`;
    default:
      return undefined;
  }
}
