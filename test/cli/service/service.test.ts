import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Machine, Ran } from "../../../src/cli/service/machine.ts";
import { install, remove, status } from "../../../src/cli/service/manage.ts";
import { type FakeContext, fakeContext } from "../fake-context.ts";

let home: string;
let context: FakeContext;
let ran: string[];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sluice-service-"));
  mkdirSync(join(home, "here"));
  context = fakeContext({ cwd: join(home, "here") });
  ran = [];
});
afterEach(() => rmSync(home, { recursive: true }));

function machine(
  other: Partial<Machine> = {},
  answer: (command: string) => Ran = () => ({ code: 0, output: "" }),
): Machine {
  return {
    ...{ platform: "linux", userId: 1000, home, program: [process.execPath, import.meta.filename], groups: () => [] },
    async run(command) {
      ran.push(command.join(" "));
      return answer(command.join(" "));
    },
    ...other,
  };
}

const unit = () => join(home, ".config/systemd/user/sluice.service");
const agent = () => join(home, "Library/LaunchAgents/io.github.sluice-gateway.plist");
const read = (path: string) => readFileSync(path, "utf8");

describe("sluice service install", () => {
  it("shows the file, writes it for this user, and starts the service in this folder", async () => {
    expect(await install({ yes: true }, context, machine())).toBe(0);
    expect(read(unit())).toContain(`WorkingDirectory=${join(home, "here")}\n`);
    expect(context.stdout.text()).toContain(read(unit()));
    expect(ran).toEqual([
      "systemctl --user daemon-reload",
      "systemctl --user enable sluice.service",
      "systemctl --user restart sluice.service",
    ]);
  });

  it("writes nothing with --print", async () => {
    expect(await install({ print: true }, context, machine())).toBe(0);
    expect(context.stdout.text()).toContain("ExecStart=");
    expect([existsSync(unit()), ran]).toEqual([false, []]);
  });

  it("writes nothing without a terminal to ask on, and says how to agree", async () => {
    await expect(install({}, context, machine())).rejects.toThrow("--yes");
    expect([existsSync(unit()), ran]).toEqual([false, []]);
  });

  it.each([
    ["y\n", 0, true],
    ["\n", 1, false],
    ["no\n", 1, false],
  ])("asks on a terminal, and takes %j for an answer", async (typed, code, isWritten) => {
    const stdin = Object.assign(new PassThrough(), { isTTY: true });
    stdin.end(typed);
    expect(await install({}, { ...context, stdin }, machine())).toBe(code);
    expect(existsSync(unit())).toBe(isWritten);
  });

  it("keeps what was there, and leaves no half-written file", async () => {
    await install({ yes: true, start: false }, context, machine());
    const former = read(unit());
    writeFileSync(join(home, "here/sluice.yaml"), "shutdownGraceMs: 90000\n");
    await install({ yes: true, start: false }, context, machine());
    expect(read(unit())).toContain("TimeoutStopSec=100\n");
    expect(read(`${unit()}.old`)).toBe(former);
    expect(readdirSync(join(unit(), "..")).toSorted()).toEqual(["sluice.service", "sluice.service.old"]);
    expect(ran).toEqual([]);
  });

  it("touches no file that it has not written", async () => {
    mkdirSync(join(unit(), ".."), { recursive: true });
    writeFileSync(unit(), "[Service]\nExecStart=/bin/true\n");
    for (const command of [install, remove, status]) {
      await expect(command({ yes: true }, context, machine())).rejects.toThrow("has not written it");
    }
    expect(read(unit())).toBe("[Service]\nExecStart=/bin/true\n");
    expect(ran).toEqual([]);
  });

  it("refuses settings that a start would refuse, before it writes", async () => {
    writeFileSync(join(home, "here/sluice.yaml"), "port: 70000\n");
    await expect(install({ yes: true }, context, machine())).rejects.toThrow("port");
    expect(existsSync(unit())).toBe(false);
  });

  it("says what failed if systemd can't start it", async () => {
    const fails = machine({}, (command) =>
      command.includes("enable") ? { code: 1, output: "no bus" } : { code: 0, output: "" },
    );
    await expect(install({ yes: true }, context, fails)).rejects.toThrow(/enable sluice\.service` failed: no bus/);
    expect(existsSync(unit())).toBe(true);
  });

  it("asks for root for the machine's service, and shows its file without", async () => {
    const program = ["/usr/bin/env", "/usr/bin/env"] as const;
    await expect(install({ system: true, yes: true }, context, machine({ program }))).rejects.toThrow("sudo");
    expect(await install({ system: true, print: true }, context, machine({ program }))).toBe(0);
    expect(context.stdout.text()).toContain("DynamicUser=yes");
  });

  it("refuses a program that the machine's service could not read", async () => {
    // A temporary folder made by `mkdtemp` is for its user alone.
    const program = [process.execPath, join(home, "main.js")] as const;
    writeFileSync(program[1], "");
    const installing = install({ system: true, yes: true }, context, machine({ userId: 0, program }));
    await expect(installing).rejects.toThrow("may not read");
  });

  it("refuses a program in npx's cache", async () => {
    const program = [process.execPath, "/home/me/.npm/_npx/1a2b/node_modules/sluice-gateway/dist/main.js"] as const;
    await expect(install({ yes: true }, context, machine({ program }))).rejects.toThrow(
      "npm install -g sluice-gateway",
    );
  });

  it.each(["here\nExecStartPre=/bin/touch x\n#", "here\\", "here\u001b[2J"])(
    "refuses the folder %j, which would change what the file says",
    async (name) => {
      const flags = { yes: true, folder: join(home, name) };
      await expect(install(flags, context, machine())).rejects.toThrow("can't be in a service's file");
      expect([existsSync(unit()), ran]).toEqual([false, []]);
    },
  );

  it("refuses two scopes, and says on Windows where the commands are", async () => {
    await expect(install({ user: true, system: true }, context, machine())).rejects.toThrow("together");
    await expect(install({}, context, machine({ platform: "win32" }))).rejects.toThrow("docs/service.md");
  });

  it("writes a property list on macOS, and starts it again if it was there", async () => {
    const mac = machine({ platform: "darwin" });
    await install({ yes: true }, context, mac);
    expect(read(agent())).toContain("<key>ProgramArguments</key>");
    await install({ yes: true }, context, mac);
    expect(ran).toEqual([
      `launchctl bootstrap gui/1000 ${agent()}`,
      "launchctl bootout gui/1000/io.github.sluice-gateway",
      `launchctl bootstrap gui/1000 ${agent()}`,
    ]);
  });
});

describe("sluice service remove", () => {
  it("stops the service and removes what install wrote, and nothing else", async () => {
    await install({ yes: true, start: false }, context, machine());
    writeFileSync(join(home, "here/sluice.yaml"), "port: 9000\n");
    writeFileSync(join(unit(), "../other.service"), "");
    expect(await remove({ yes: true }, context, machine())).toBe(0);
    expect(readdirSync(join(unit(), ".."))).toEqual(["other.service"]);
    expect(existsSync(join(home, "here/sluice.yaml"))).toBe(true);
    expect(ran).toEqual(["systemctl --user disable --now sluice.service", "systemctl --user daemon-reload"]);
  });

  it("removes the file even if systemd is gone, and says so", async () => {
    await install({ yes: true, start: false }, context, machine());
    const gone = machine({}, () => ({ code: undefined, output: "there is no systemctl here" }));
    expect(await remove({ yes: true }, context, gone)).toBe(0);
    expect(existsSync(unit())).toBe(false);
    expect(context.stderr.text()).toContain("there is no systemctl here");
  });

  it("has nothing to do where nothing is installed", async () => {
    expect(await remove({}, context, machine())).toBe(0);
    expect(context.stdout.text()).toContain("No service is installed");
  });
});

describe("sluice service status", () => {
  it.each([
    ["active", 0],
    ["inactive", 3],
  ])("says whether it runs, also by its exit code: %s", async (state, code) => {
    await install({ yes: true, start: false }, context, machine());
    const asked = machine({}, () => ({ code, output: state }));
    expect(await status({}, context, asked)).toBe(code === 0 ? 0 : 1);
    expect(context.stdout.text()).toContain(code === 0 ? "sluice.service: running" : "not running (inactive)");
    await status({ json: true }, context, asked);
    const [line = ""] = context.stdout.text().trimEnd().split("\n").slice(-1);
    expect(JSON.parse(line)).toMatchObject({ scope: "user", installed: true, running: code === 0 });
  });

  it("says that nothing is installed", async () => {
    expect(await status({}, context, machine())).toBe(1);
    expect(context.stdout.text()).toContain("No service is installed");
  });
});
