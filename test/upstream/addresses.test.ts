import { describe, expect, it } from "vitest";
import { lookupPublic, namesPrivate, PrivateAddressError } from "../../src/upstream/addresses.ts";
import { mockUpstream } from "../fixtures/mock-upstream.ts";
import { collect, openUpstream, textOf } from "./support.ts";

const lookedUp = (hostname: string) =>
  new Promise<unknown>((resolve) => {
    lookupPublic(hostname, { all: true }, (error, addresses) => resolve(error ?? addresses));
  });

describe("a host name of an upstream", () => {
  it.each([
    ...["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"],
    ...["::1", "::", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "::ffff:a00:1", "64:ff9b::7f00:1", "2002:7f00:1::"],
  ])("must not lead to %s", async (address) => {
    expect(await lookedUp(address)).toBeInstanceOf(PrivateAddressError);
  });

  it.each(["93.184.216.34", "2606:2800:220:1::1"])("may lead to %s", async (address) => {
    expect(await lookedUp(address)).toMatchObject([{ address }]);
  });

  it.each([
    ["127.0.0.1", true],
    ["[::1]", true],
    ["localhost", true],
    ["a.localhost", true],
    ["localhost.example.com", false],
    ["llm.internal", false],
  ])("is private by what it says: %s, %s", (hostname, expected) => {
    expect(namesPrivate(hostname)).toBe(expected);
  });

  it("is reached where it is this machine's own", async () => {
    const mock = await mockUpstream();
    const { backend, server } = openUpstream(mock.url.replace("127.0.0.1", "localhost"));
    expect(textOf(await collect(backend))).toBe("Hello");
    await server.close();
    await mock.close();
  });
});
