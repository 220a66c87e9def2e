import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { describeReload, reload } from "../../src/cli/reload.ts";
import { createReloading } from "../../src/cli/reloading.ts";
import { type Reload, ReloadError } from "../../src/http/reload.ts";
import { createTestApp, listen } from "../http/support.ts";
import { fakeContext } from "./fake-context.ts";

const NONE = { added: [], removed: [], changed: [] };
const REPORT = {
  ...{ models: NONE, upstreams: NONE, aliases: NONE, routes: NONE, presets: NONE, keys: NONE },
  ...{ settings: [], waiting: [], warnings: [] },
};

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function gatewayThat(reload: Reload | "none") {
  const server = await listen(createTestApp({ reload }).app);
  ends.push(() => server[Symbol.asyncDispose]());
  return server.url;
}

describe("sluice reload", () => {
  it("prints a line for each thing that has changed, and what waits for a restart", async () => {
    const url = await gatewayThat(async () => ({
      ...REPORT,
      settings: [
        { setting: "maxPending", from: 256, to: 128 },
        { setting: "keysFile" },
        { setting: "maxTokens", from: [], to: ["64", "a=5"] },
      ],
      upstreams: { added: ["cloud"], removed: ["old"], changed: [] },
      routes: { added: [], removed: [], changed: ["chat"] },
      waiting: [
        { setting: "redisUrl" },
        { setting: "port", from: 8080, to: 9000 },
        { setting: "slots", model: "small", from: 4, to: 2 },
      ],
    }));
    const context = fakeContext();
    expect(await reload({ url }, context)).toBe(0);
    expect(context.stdout.text()).toBe(
      [
        "maxPending: 256 → 128",
        "keysFile: changed",
        "maxTokens: none → 64, a=5",
        "upstream cloud: added",
        "upstream old: removed",
        "route chat: changed",
        "Unchanged until a restart: redisUrl, port (8080 → 9000), slots of small (4 → 2)",
        "",
      ].join("\n"),
    );
  });

  it("says that nothing has changed", () => {
    expect(describeReload({ ...REPORT, changed: false, needs_restart: [] })).toBe("Nothing has changed.\n");
  });

  it("prints the warnings, such as of a route's target that nobody serves", async () => {
    const url = await gatewayThat(async () => ({
      ...REPORT,
      routes: { added: ["a"], removed: [], changed: [] },
      warnings: ["A route has a target that is not served now: a: nope."],
    }));
    const context = fakeContext();
    expect(await reload({ url }, context)).toBe(0);
    expect(context.stdout.text()).toBe(
      "route a: added\nWarning: A route has a target that is not served now: a: nope.\n",
    );
  });

  it("fails with what is wrong with the settings", async () => {
    const url = await gatewayThat(async () => {
      throw new ReloadError("A setting is wrong:\n  sluice.yaml:3: port: 0.5 is not allowed.");
    });
    await expect(reload({ url }, fakeContext())).rejects.toThrow(/Nothing was changed\..*sluice\.yaml:3: port/s);
  });

  it("says how to reach a gateway whose port was changed in its settings", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-reload-"));
    ends.push(async () => rmSync(folder, { recursive: true }));
    const url = await gatewayThat(async () => REPORT);
    // Port 9 is reserved for what discards all.
    writeFileSync(join(folder, "sluice.yaml"), "port: 9\n");
    const changed = reload({}, fakeContext({ cwd: folder }));
    await expect(changed).rejects.toThrow(
      /No gateway responds at http:\/\/127\.0\.0\.1:9\..*old address: name that with --url or --port\.$/,
    );
    expect(await reload({ port: new URL(url).port }, fakeContext({ cwd: folder }))).toBe(0);
    await expect(reload({ url: "http://127.0.0.1:9" }, fakeContext({ cwd: folder }))).rejects.toThrow(
      /or set --url\.$/,
    );
  });

  it("says that a gateway within another program can't be reloaded", async () => {
    const url = await gatewayThat("none");
    await expect(reload({ url }, fakeContext())).rejects.toThrow("part of another program");
  });
});

describe("a SIGHUP before the gateway runs", () => {
  it("reloads once it does", () => {
    let reloads = 0;
    const gateway = {
      url: "",
      stop: async () => {},
      reload: async () => {
        reloads += 1;
        return REPORT;
      },
    };
    const reloading = createReloading();
    reloading.ask();
    reloading.ask();
    expect(reloads).toBe(0);
    reloading.begin(gateway);
    expect(reloads).toBe(1);
    reloading.ask();
    expect(reloads).toBe(2);
  });
});
