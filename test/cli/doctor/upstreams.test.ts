import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkUpstreams } from "../../../src/cli/doctor/upstreams.ts";
import { upstreamSchema } from "../../../src/config/upstreams.ts";
import { inspectUpstreams } from "../../../src/gateway/upstreams.ts";
import { type MockUpstream, mockUpstream } from "../../fixtures/mock-upstream.ts";

let mock: MockUpstream;

beforeEach(async () => {
  mock = await mockUpstream();
});

afterEach(() => mock.close());

async function check(group: object, env: NodeJS.ProcessEnv = {}) {
  const upstreams = [upstreamSchema.parse({ name: "there", baseUrl: mock.url, ...group })];
  return checkUpstreams(await inspectUpstreams({ upstreams }, env));
}

describe("the doctor's check of an upstream", () => {
  it("counts the models that it lists, and asks for no answer", async () => {
    expect(await check({})).toEqual([
      { name: "upstream", level: "good", message: `there=generic:${mock.url}: lists 1 models` },
    ]);
    expect(mock.posts()).toEqual([]);
  });

  it("warns of one that can't be reached", async () => {
    expect(await check({ baseUrl: "http://127.0.0.1:1" })).toMatchObject([
      { level: "warning", message: expect.stringContaining("can't be reached") },
    ]);
  });

  it("finds a key that is missing, which keeps Sluice from starting", async () => {
    expect(await check({ apiKeyEnv: "NO_SUCH_KEY" })).toMatchObject([
      { level: "problem", message: expect.stringContaining("NO_SUCH_KEY") },
    ]);
    expect(await check({ apiKeyFile: "/nowhere" })).toMatchObject([{ level: "problem" }]);
  });
});
