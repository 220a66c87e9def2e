import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { createKey, revoke, rotate } from "../../src/cli/keys/change.ts";
import { list } from "../../src/cli/keys/list.ts";
import { run } from "../../src/cli/run.ts";
import { usage } from "../../src/cli/usage.ts";
import { hashSecret } from "../../src/keys/secret.ts";
import { openKeyState } from "../../src/store/state.ts";
import { temporaryFolder } from "../store/support.ts";
import { fakeContext } from "./fake-context.ts";

const NOW = Date.parse("2026-11-22T12:00:00Z");

/** Runs the real command line with a state file of its own. */
function setUp() {
  const folder = temporaryFolder();
  return {
    file: folder.file,
    async sluice(...words: string[]) {
      const context = fakeContext({ env: { SLUICE_STATE_FILE: folder.file } });
      const exitCode = await run(words, context);
      return { exitCode, stdout: context.stdout.text(), stderr: context.stderr.text() };
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

describe("sluice keys", () => {
  it("creates a key, prints only its secret on stdout, once, and stores its hash", async () => {
    using all = setUp();
    const { exitCode, stdout, stderr } = await all.sluice("keys", "create", "alice");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^sk-sluice-[0-9a-f]{48}\n$/);
    expect(stderr).toContain("The key alice (key_");
    expect(stderr).not.toContain("sk-sluice");
    const secret = stdout.trim();
    for (const file of [all.file, `${all.file}-wal`]) {
      try {
        expect(readFileSync(file, "latin1")).not.toContain(secret);
      } catch (error) {
        expect(error).toMatchObject({ code: "ENOENT" });
      }
    }
    const state = openKeyState(all.file);
    expect(state.keys.findSecret(hashSecret(secret))?.key.name).toBe("alice");
    state.close();
    const listed = await all.sluice("keys", "list");
    expect(listed.stdout).toMatch(
      /^ID +NAME +KEPT IN +CLASS +EXPIRES +MODELS +LIMITS\nkey_\w+ +alice +state +default +never +all +none\n$/,
    );
    expect(listed.stdout).not.toContain("sk-sluice");
  });

  it("stores a key's policy", async () => {
    using all = setUp();
    const words =
      "--expires 2099-01-31 --models a,b --models c --class batch --requests-per-minute 6 --requests-per-day 7";
    const more =
      "--tokens-per-minute 8 --tokens-per-day 9 --concurrent-requests 2 --max-tokens 512 --max-tokens-limit 4096 --max-wait 30s --cache never --local-only --admin";
    const made = await all.sluice("keys", "create", "ci", "--json", ...words.split(" "), ...more.split(" "));
    expect(JSON.parse(made.stdout)).toEqual({
      id: expect.stringMatching(/^key_/),
      name: "ci",
      key: expect.stringMatching(/^sk-sluice-/),
    });
    const { stdout } = await all.sluice("keys", "list", "--json");
    expect(stdout).not.toContain("sk-sluice");
    expect(JSON.parse(stdout)).toMatchObject([
      {
        name: "ci",
        source: "state",
        expires: "2099-01-31T00:00:00.000Z",
        models: ["a", "b", "c"],
        class: "batch",
        requestsPerMinute: 6,
        requestsPerDay: 7,
        tokensPerMinute: 8,
        tokensPerDay: 9,
        concurrentRequests: 2,
        maxTokens: 512,
        maxTokensLimit: 4_096,
        maxWaitMs: 30_000,
        cache: "never",
        localOnly: true,
        admin: true,
      },
    ]);
    expect((await all.sluice("keys", "list")).stdout).toContain(
      "6 requests/min, 7 requests/day, 8 tokens/min, 9 tokens/day, 2 at once, 512 tokens/answer unless asked, 4096 tokens/answer, waits 30000 ms, cache never, local only, admin",
    );
  });

  it("warns only of an unknown model", async () => {
    using all = setUp();
    const { exitCode, stderr } = await all.sluice("keys", "create", "a", "--models", "nosuch,gemma-3-270m");
    expect(exitCode).toBe(0);
    expect(stderr).toContain('No model is known as "nosuch": the key can\'t use it until one has that name.\n');
    expect(stderr).not.toContain("gemma-3-270m");
  });

  it.each([
    [["create", "a", "--expires", "2020-01-01"], '--expires: "2020-01-01" is not allowed. Give a time from now'],
    [["create", "a", "--cache", "some"], '--cache: "some" is not allowed. Give one of determined, always or never.'],
    [["create", "a", "--class", "vip"], '--class: "vip" is not allowed. Give one of interactive, default or batch.'],
    [
      ["create", "a", "--tokens-per-day", "0"],
      '--tokens-per-day: "0" is not allowed. Give a whole number of 1 or more.',
    ],
    [
      ["create", "a", "--models", "x".repeat(5_000)],
      "is not allowed. Give a list of 1 to 64 entries, each text of 1 to 4096 characters.",
    ],
    [["create", "a", "--max-wait", "10"], '--max-wait: "10" is not allowed. Give a time such as'],
    [["create", "a", "--models", "x,,y"], "--models: an empty name is not allowed"],
    [["create", "\u001b[31m"], "is not a valid name for a key. Give 1 to 64 letters"],
    [["create", "TAKEN"], "or give the key a new secret with `npm run sluice -- keys rotate KEY`."],
    [["revoke", "nobody"], 'There is no key with the id or name "nobody"'],
    [["rotate", "nobody"], 'There is no key with the id or name "nobody"'],
    [["rotate", "taken", "--grace", "soon"], '--grace: "soon" is not allowed. Give a time such as'],
    [["create", "a", "--state-file", ":memory:"], "With --state-file :memory: there is no file for keys"],
  ])("names the problem with %j", async (words, message) => {
    using all = setUp();
    await all.sluice("keys", "create", "taken");
    const { exitCode, stdout, stderr } = await all.sluice("keys", ...words);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("    at ");
    expect(stdout).toBe("");
    // A wrong flag is another thing than a key that isn't there.
    expect(exitCode).toBe(message.startsWith("--") || message.startsWith("is not allowed") ? 2 : 1);
  });

  it("explains the effect on a running gateway only when the last key is revoked", async () => {
    using all = setUp();
    await all.sluice("keys", "create", "alice");
    await all.sluice("keys", "create", "bob");
    expect((await all.sluice("keys", "revoke", "alice")).stderr).not.toContain("last key");
    expect((await all.sluice("keys", "revoke", "bob")).stderr).toContain("It was the last key. A running gateway");
  });

  it("gives a key a new secret, and expires the old one at the given time", async () => {
    using folder = temporaryFolder();
    const context = () => fakeContext({ env: { SLUICE_STATE_FILE: folder.file } });
    const [made, turned, last] = [context(), context(), context()];
    await createKey("alice", {}, made, () => NOW);
    rotate("alice", { grace: "1h" }, turned, () => NOW);
    expect(turned.stderr.text()).toContain("the old one works until 2026-11-22T13:00:00.000Z");
    const state = openKeyState(folder.file);
    const find = (secret: string) => state.keys.findSecret(hashSecret(secret.trim()));
    expect(find(made.stdout.text())?.expiresMs).toBe(NOW + 3_600_000);
    expect(find(turned.stdout.text())).toMatchObject({ expiresMs: undefined, key: { name: "alice" } });
    rotate("alice", {}, last, () => NOW + 1);
    expect(find(turned.stdout.text())?.expiresMs).toBe(NOW + 1);
    revoke("alice", {}, context());
    expect(find(last.stdout.text())).toBeUndefined();
    expect(state.keys.count()).toBe(0);
    state.close();
  });

  it("lists the keys of the file and of the setting, without secrets", () => {
    using folder = temporaryFolder();
    const env = { SLUICE_STATE_FILE: folder.file, SLUICE_API_KEY: "sk-sluice-of-the-setting" };
    const context = fakeContext({ env });
    list({}, context, () => NOW);
    expect(context.stdout.text()).toMatch(/^api-key +api-key +setting /m);
    expect(context.stdout.text()).not.toContain("sk-sluice");
  });
});

describe("sluice usage", () => {
  it("shows the usage of each key and model on each day", () => {
    using folder = temporaryFolder();
    const state = openKeyState(folder.file);
    const figures = { requests: 3, promptTokens: 100, cachedTokens: 20, completionTokens: 50, errors: 1, refusals: 2 };
    const row = (day: string) => ({ day, key: "key_1", name: "alice", model: "one", ...figures });
    const stored = (day: string) => ({ ...row(day), costNanos: 12_345_678, millijoules: 7_200_000 });
    state.usage.add([stored("2026-11-10"), stored("2026-11-21")], "2026-01-01");
    state.close();
    const show = (flags: Record<string, string | boolean>) => {
      const context = fakeContext({ env: { SLUICE_STATE_FILE: folder.file } });
      expect(usage(flags, context, () => NOW)).toBe(0);
      return context;
    };
    expect(show({}).stdout.text().split("\n")[1]).toMatch(
      /^2026-11-10 +alice +one +3 +100 +20 +50 +1 +2 +\$0\.012 +2\.00$/,
    );
    expect(JSON.parse(show({ json: true, since: "7d" }).stdout.text())).toEqual([
      { ...row("2026-11-21"), cost: 0.012345678, energyJoules: 7_200 },
    ]);
    expect(show({ key: "bob" }).stderr.text()).toContain("No matching usage is recorded");
    expect(show({ key: "bob" }).stderr.text()).toContain("without keys it records none (sluice keys create)");
    expect(() => show({ since: "yore" })).toThrow('--since: "yore" is not allowed');
  });

  it("makes no state file", async () => {
    using all = setUp();
    expect((await all.sluice("usage")).exitCode).toBe(0);
    expect((await all.sluice("keys", "list")).stderr).toContain("There are no keys.");
    expect(() => readFileSync(dirname(all.file))).toThrow("ENOENT");
  });
});

describe("secrets in settings", () => {
  const secret = "sk-sluice-keep-me-quiet";

  it.each([
    [{ SLUICE_API_KEY: secret }, ["config"]],
    [{ SLUICE_API_KEY: secret }, ["config", "--json"]],
    [{ SLUICE_REDIS_URL: `redis://:${secret}@cache:6379` }, ["config"]],
    [{ SLUICE_CACHE_REDIS_URL: `redis://:${secret}@cache:6379` }, ["config"]],
    [{ SLUICE_CACHE_REDIS_URL: `redis://:${secret}@one`, SLUICE_REDIS_URL: `redis://:${secret}@two` }, ["config"]],
    [{ SLUICE_API_KEY: `${secret} with spaces` }, ["config"]],
    [{ SLUICE_REDIS_URL: `http://:${secret}@cache` }, ["config"]],
  ])("are never printed, right or wrong: %j", async (env, words) => {
    const context = fakeContext({ env });
    await run(words, context);
    const printed = context.stdout.text() + context.stderr.text();
    expect(printed).toMatch(/\[redacted\]|the value is not allowed|name different servers/);
    expect(printed).not.toContain(secret);
  });
});
