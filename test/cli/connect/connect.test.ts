import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { CLIENTS } from "../../../src/cli/connect/clients.ts";
import { run } from "../../../src/cli/run.ts";
import { createTestApp, listen } from "../../http/support.ts";
import { fakeContext } from "../fake-context.ts";

/** A gateway, a home, and the command in it. */
async function setUp() {
  const server = await listen(createTestApp().app);
  const home = await mkdtemp(join(tmpdir(), "sluice-connect-"));
  return {
    home,
    url: server.url,
    async connect(words: readonly string[], env: NodeJS.ProcessEnv = {}) {
      const context = fakeContext({ env: { HOME: home, ...env } });
      const exitCode = await run(["connect", ...words, "--url", server.url], context);
      return { exitCode, stdout: context.stdout.text(), stderr: context.stderr.text() };
    },
    async put(file: string, text: string, mode = 0o644) {
      await mkdir(dirname(join(home, file)), { recursive: true });
      await writeFile(join(home, file), text, { mode });
    },
    read: (file: string) => readFile(join(home, file), "utf8"),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await rm(home, { recursive: true });
    },
  };
}

describe("sluice connect", () => {
  it("lists the programs that it knows, as a table and as JSON", async () => {
    await using set = await setUp();
    const { stdout } = await set.connect([]);
    for (const { name } of CLIENTS) expect(stdout).toContain(`${name} `);
    const { stdout: json } = await set.connect(["--json"]);
    expect(JSON.parse(json).data.map(({ name }: { name: string }) => name)).toEqual(CLIENTS.map(({ name }) => name));
  });

  it("shows what would change, and writes nothing without being told", async () => {
    await using set = await setUp();
    await set.put(".codex/config.toml", 'model = "theirs" # mine\n');
    const { exitCode, stdout, stderr } = await set.connect(["codex"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('-model = "theirs" # mine');
    expect(stdout).toContain(`+base_url = "${set.url}/v1"`);
    expect(stderr).toContain("Nothing was written.");
    expect(await set.read(".codex/config.toml")).toBe('model = "theirs" # mine\n');
    expect(await readdir(join(set.home, ".codex"))).toEqual(["config.toml"]);
  });

  it.each(["llama-vscode", "neovim", "vim", "minuet"])(
    "warns before it writes that %s needs a model which fills in the middle",
    async (name) => {
      await using set = await setUp();
      const { stderr } = await set.connect([name]);
      expect(stderr).toContain("Warning: ");
      expect(stderr).toContain("can't fill in the middle of a text");
    },
  );

  it("doesn't warn of that for a chat's program", async () => {
    await using set = await setUp();
    expect((await set.connect(["zed"])).stderr).not.toContain("fill in the middle");
  });

  it("writes it when told, keeps what was there beside it, and has nothing to do the next time", async () => {
    await using set = await setUp();
    await set.put(".codex/config.toml", 'approval_policy = "never"\n', 0o640);
    expect((await set.connect(["codex", "--yes"])).exitCode).toBe(0);
    const written = await set.read(".codex/config.toml");
    expect(written).toContain('approval_policy = "never"');
    expect(written).toContain('model_provider = "sluice"');
    const files = await readdir(join(set.home, ".codex"));
    const copy = files.find((file) => file.endsWith(".bak")) ?? "";
    expect(files.toSorted()).toEqual(["config.toml", copy].toSorted());
    expect(await set.read(join(".codex", copy))).toBe('approval_policy = "never"\n');
    expect((await stat(join(set.home, ".codex/config.toml"))).mode & 0o777).toBe(0o640);

    const again = await set.connect(["codex", "--yes"]);
    expect(again.stderr).toContain("is connected to");
    expect(await readdir(join(set.home, ".codex"))).toHaveLength(2);

    // The copies of two changes in one second are two.
    await set.put(".codex/config.toml", 'approval_policy = "untrusted"\n');
    await set.connect(["codex", "--yes"]);
    await set.put(".codex/config.toml", 'approval_policy = "on-request"\n');
    await set.connect(["codex", "--yes"]);
    expect(await readdir(join(set.home, ".codex"))).toHaveLength(4);
  });

  it.each(CLIENTS.filter(({ file }) => file !== undefined))(
    "writes the settings of $name into an empty home",
    async ({ name, file }) => {
      await using set = await setUp();
      const { exitCode } = await set.connect([name, "--yes"]);
      expect(exitCode).toBe(0);
      const path = file?.({ home: set.home, platform: process.platform, env: {} }) ?? "";
      const text = await readFile(path, "utf8");
      expect(text).toContain(set.url);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      expect((await set.connect([name, "--yes"])).stderr).toContain("already");
    },
  );

  it.each(CLIENTS)("never shows or writes the key for $name", async ({ name }) => {
    await using set = await setUp();
    const { stdout, stderr } = await set.connect([name, "--yes"], { SLUICE_API_KEY: "sk-secret" });
    expect(stdout + stderr).not.toContain("sk-secret");
    expect(stdout + stderr).toMatch(/key/i);
    for (const entry of await readdir(set.home, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) expect(await readFile(join(entry.parentPath, entry.name), "utf8")).not.toContain("sk-secret");
    }
  });

  it("writes to the file behind a link, as dotfiles are kept", async () => {
    await using set = await setUp();
    await set.put("dotfiles/zed.json", "{}\n");
    await mkdir(join(set.home, ".config/zed"), { recursive: true });
    await symlink(join(set.home, "dotfiles/zed.json"), join(set.home, ".config/zed/settings.json"));
    await set.connect(["zed", "--yes"]);
    expect(await set.read("dotfiles/zed.json")).toContain(set.url);
  });

  it("refuses a broken file, and leaves it alone", async () => {
    await using set = await setUp();
    await set.put(".claude/settings.json", '{ "env": \n');
    const { exitCode, stderr } = await set.connect(["claude-code", "--yes"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("line 2");
    expect(await set.read(".claude/settings.json")).toBe('{ "env": \n');
  });

  it("refuses a program and a model that it doesn't know, and names the nearest", async () => {
    await using set = await setUp();
    const program = await set.connect(["codx"]);
    expect(program.exitCode).toBe(2);
    expect(program.stderr).toContain("codex");
    const model = await set.connect(["codex", "--model", "nope"]);
    expect(model.exitCode).toBe(2);
    expect(model.stderr).toContain('"nope"');
  });

  it.each(["x' | call system('id') | let y='", "{file:/etc/passwd}", "a\nb", "\u001b[2J", "$" + "{{ secrets.OTHER }}"])(
    "writes nothing of a gateway that names its model %j",
    async (id) => {
      await using server = await listen({
        fetch: () => Response.json({ data: [{ id, capabilities: ["chat"], max_model_len: 4_096 }] }),
      });
      const home = await mkdtemp(join(tmpdir(), "sluice-connect-"));
      for (const name of ["vim", "opencode", "continue", "jetbrains"]) {
        const context = fakeContext({ env: { HOME: home } });
        expect(await run(["connect", name, "--yes", "--url", server.url], context)).toBe(2);
        expect(context.stderr.text()).toContain("has characters");
        expect(context.stdout.text() + context.stderr.text()).not.toContain("\u001b");
      }
      expect(await readdir(home)).toEqual([]);
      await rm(home, { recursive: true });
    },
  );

  it("says that no gateway runs, and exits with 3", async () => {
    const context = fakeContext({ env: { HOME: "/nowhere" } });
    expect(await run(["connect", "codex", "--url", "http://127.0.0.1:9"], context)).toBe(3);
  });
});
