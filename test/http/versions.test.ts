import { describe, expect, it } from "vitest";
import { VersionError } from "../../src/http/versions.ts";
import { createTestApp, jsonInit } from "./support.ts";

/** What the server's adapter tells of the connection. */
const FROM_HERE = { incoming: { socket: { remoteAddress: "127.0.0.1" } } };

async function post(
  options: Parameters<typeof createTestApp>[0],
  path: string,
  body: unknown,
  from: object = FROM_HERE,
) {
  const response = await createTestApp(options).app.request(`/admin/models/${path}`, jsonInit(body), from);
  const { error } = Object(await response.json());
  return [response.status, error?.code, error?.message] as const;
}

const failing = (error: Error) => ({
  versions: { list: () => [], promote: () => Promise.reject(error), rollback: () => Promise.reject(error) },
});

describe("versions of models", () => {
  it.each(["promote", "rollback"])("are changed by %s, which says what can't be done", async (change) => {
    expect(await post({}, change, { model: "m" })).toEqual([200, undefined, undefined]);
    const unknown = failing(new VersionError("unknown", "There is no local model 'm'."));
    expect(await post(unknown, change, { model: "m" })).toEqual([
      404,
      "model_not_found",
      "There is no local model 'm'.",
    ]);
    const impossible = failing(new VersionError("impossible", "m has had no other version."));
    expect(await post(impossible, change, { model: "m" })).toEqual([
      ...[409, "no_such_version"],
      "m has had no other version.",
    ]);
    expect((await post({ versions: "none" }, change, { model: "m" }))[0]).toBe(501);
  });

  it.each([{}, { model: "" }, { model: 1 }, { model: {} }, [], null])(
    "are of a model that has a name: %j",
    async (body) => {
      expect((await post({}, "rollback", body))[0]).toBe(400);
    },
  );

  it("are changed by administrators only", async () => {
    const elsewhere = { incoming: { socket: { remoteAddress: "10.0.0.7" } } };
    expect((await post({}, "promote", { model: "m" }, elsewhere))[0]).toBe(403);
  });
});
