import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { CommandError } from "../../src/cli/errors.ts";
import { addressesOf, addressOf, checkAddress, explainListenError } from "../../src/cli/listen.ts";

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

describe("the port of the metrics", () => {
  const main = { host: "127.0.0.1", port: 8080, metricsHost: "", metrics: "key" } as const;

  it("is at the gateway's own address unless another is named", () => {
    expect(addressesOf({ ...main, metricsPort: "none" })).toHaveLength(1);
    expect(addressesOf({ ...main, metricsPort: 9090 })[1]).toMatchObject({ host: "127.0.0.1", port: 9090 });
    expect(addressesOf({ ...main, metricsPort: 8080, metricsHost: "10.0.0.1" })[1]).toMatchObject({ host: "10.0.0.1" });
  });

  it("can't be the gateway's own, nor be there where nothing is counted", () => {
    expect(() => addressesOf({ ...main, metricsPort: 8080 })).toThrow("metricsPort: 8080 is the gateway's own port");
    expect(() => addressesOf({ ...main, metricsPort: 9090, metrics: "off" })).toThrow(
      "metricsPort: nothing is counted",
    );
  });

  it("is named in what is said of an error", () => {
    const settings = { ...main, metricsPort: 9090 };
    const taken = Object.assign(new Error("in use"), { code: "EADDRINUSE", port: 9090 });
    const told = explainListenError(taken, addressOf(taken, settings));
    expect(told).toMatchObject({ message: expect.stringContaining("another port with --metrics-port") });
    const other = Object.assign(new Error("in use"), { code: "EADDRINUSE", port: 8080 });
    expect(explainListenError(other, addressOf(other, settings))).toMatchObject({
      message: expect.stringContaining("another port with --port"),
    });
  });
});
