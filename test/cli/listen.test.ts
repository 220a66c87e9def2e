import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { CommandError } from "../../src/cli/errors.ts";
import { checkAddress, explainListenError } from "../../src/cli/listen.ts";

describe("checkAddress", () => {
  it("accepts a free port, and leaves it free", async () => {
    await checkAddress({ host: "127.0.0.1", port: 0 });
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    server.close();
    await once(server, "close");
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    await checkAddress({ host: "127.0.0.1", port });
    await checkAddress({ host: "127.0.0.1", port });
  });

  it("reports a port in use, and the way out", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    try {
      const check = checkAddress({ host: "127.0.0.1", port });
      await expect(check).rejects.toThrow(CommandError);
      await expect(check).rejects.toThrow(`Port ${port} on 127.0.0.1 is used by another program.`);
      await expect(check).rejects.toThrow("--port 0 picks a free one");
    } finally {
      server.close();
    }
  });

  it.each([
    ["Sluice", "Sluice already runs on port"],
    ["another", "is used by another program"],
  ])("checks the port's user: %s", async (name, message) => {
    const server = createHttpServer((_, response) => {
      const body = JSON.stringify({ status: "ok", name });
      response.writeHead(200, { "content-length": body.length, connection: "close" }).end(body);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    try {
      await expect(checkAddress({ host: "127.0.0.1", port })).rejects.toThrow(message);
    } finally {
      server.close();
    }
  });

  it("reports an address that the machine doesn't have", async () => {
    // TEST-NET-1 of RFC 5737: no machine has it.
    await expect(checkAddress({ host: "192.0.2.1", port: 0 })).rejects.toThrow(
      "This machine does not have the address 192.0.2.1. Use --host 127.0.0.1",
    );
  });
});

describe("explainListenError", () => {
  it.each([
    ["EACCES", "This user may not listen on port 80. Ports below 1024 need special permissions"],
    ["ENOTFOUND", "The host name my.host can't be resolved to an address."],
    ["EAFNOSUPPORT", "This machine does not support addresses such as my.host."],
  ])("explains %s", (code, message) => {
    const error = Object.assign(new Error(code), { code });
    expect(explainListenError(error, { host: "my.host", port: 80 })).toMatchObject({
      name: "CommandError",
      message: expect.stringContaining(message),
      cause: error,
    });
  });

  it("leaves other errors as they are", () => {
    const error = new Error("something else");
    expect(explainListenError(error, { host: "h", port: 1 })).toBe(error);
  });
});
