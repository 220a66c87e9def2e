import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run } from "../../src/cli/run.ts";
import { configSchema } from "../../src/config/schema.ts";
import { createAccess } from "../../src/keys/access.ts";
import { policySchema } from "../../src/keys/key.ts";
import { issueKey } from "../../src/keys/manage.ts";
import { openKeyState } from "../../src/store/state.ts";
import { createTestApp, listen } from "../http/support.ts";
import { openState, temporaryFolder } from "../store/support.ts";
import { fakeContext } from "./fake-context.ts";

/** The gateway's own key, which is no admin's. */
const PLAIN = "sk-sluice-of-the-setting";
const NONE = { added: [], removed: [], changed: [] };

let url: string;
let admin: string;
const ends: (() => unknown)[] = [];

beforeEach(async () => {
  const folder = temporaryFolder();
  const state = openState({ file: folder.file });
  const beside = openKeyState(folder.file);
  admin = issueKey(
    beside.keys,
    { name: "root", expiresMs: undefined, policy: policySchema.parse({ admin: true }) },
    0,
  ).secret;
  const access = createAccess({
    config: configSchema.parse({ apiKey: PLAIN }),
    state,
    logger: pino({ level: "silent" }),
  });
  const reload = async () => ({
    ...{ settings: [], waiting: [], warnings: [], models: NONE, upstreams: NONE, aliases: NONE },
    ...{ routes: NONE, presets: NONE, keys: NONE },
  });
  const server = await listen(createTestApp({ state, access, reload }).app);
  url = server.url;
  ends.push(
    () => server[Symbol.asyncDispose](),
    () => beside.close(),
    () => state.close(),
    () => folder[Symbol.dispose](),
  );
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function sluice(env: NodeJS.ProcessEnv, ...words: string[]) {
  const context = fakeContext({ env });
  const exitCode = await run([...words, "--url", url], context);
  return { exitCode, said: `${context.stdout.text()}${context.stderr.text()}` };
}

describe("the key of a command that asks a gateway", () => {
  it.each([
    ["ps", ["ps"]],
    ["reload", ["reload"]],
    ["batch list", ["batch", "list"]],
  ])("of %s is in either variable", async (_, words) => {
    expect(await sluice({ SLUICE_ADMIN_KEY: admin }, ...words)).toMatchObject({ exitCode: 0 });
    const { exitCode, said } = await sluice({ SLUICE_ADMIN_KEY: "", SLUICE_API_KEY: admin }, ...words);
    expect([exitCode, said]).toEqual([0, expect.anything()]);
  });

  it("is the admin's for who looks after a gateway, and the client's for who uses it, if both are set", async () => {
    const wrong = "sk-sluice-0123456789abcdef";
    const both = { SLUICE_ADMIN_KEY: admin, SLUICE_API_KEY: wrong };
    expect((await sluice(both, "ps")).exitCode).toBe(0);
    expect((await sluice(both, "batch", "list")).said).toContain("Set SLUICE_API_KEY or SLUICE_ADMIN_KEY to another");
    expect((await sluice({ SLUICE_ADMIN_KEY: wrong, SLUICE_API_KEY: PLAIN }, "ps")).said).toContain(
      "Set SLUICE_ADMIN_KEY or SLUICE_API_KEY to another key.",
    );
  });

  it("is asked for where none is set, and called incorrect only where one is", async () => {
    const { exitCode, said } = await sluice({}, "ps");
    expect(exitCode).toBe(4);
    expect(said).toContain(`The gateway at ${url} needs a key. Set SLUICE_ADMIN_KEY or SLUICE_API_KEY to one.`);
    expect(said).not.toContain("Incorrect");
  });

  it("is that of --api-key, if there is one, whatever the variables hold", async () => {
    const wrong = { SLUICE_ADMIN_KEY: "sk-sluice-0123456789abcdef" };
    expect(await sluice(wrong, "ps", "--api-key", admin)).toMatchObject({ exitCode: 0 });
    const { exitCode, said } = await sluice({ SLUICE_ADMIN_KEY: admin }, "ps", "--api-key", "short");
    expect([exitCode, said]).toEqual([4, expect.stringContaining("Set --api-key to another key.")]);
  });

  it("must be an admin's for a reload, which says where to put it", async () => {
    const { exitCode, said } = await sluice({ SLUICE_API_KEY: PLAIN }, "reload");
    expect([exitCode, said]).toEqual([4, expect.stringMatching(/needs an admin key.*Set SLUICE_ADMIN_KEY to it\./s)]);
  });

  it.each([
    ["ps"],
    ["reload"],
    ["cache stats"],
    ["what-if"],
    ["route"],
    ["route calibrate"],
    ["run"],
    ["eval"],
    ["batch run"],
    ["batch list"],
  ])("is named by the help of %s", async (command) => {
    const context = fakeContext();
    await run([...command.split(" "), "--help"], context);
    expect(context.stdout.text()).toMatch(/SLUICE_(ADMIN|API)_KEY.*SLUICE_(ADMIN|API)_KEY\s+is\s+used/s);
  });
});
