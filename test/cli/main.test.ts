import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, existsSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// The few things that only a real process shows: each costs a start of Node.

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-cli-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function sluice(words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [main, ...words], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [stdout, stderr, exitCode] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { stdout, stderr, exitCode };
}

describe("node src/main.ts", () => {
  it("prints its help on stdout and loads neither engine nor server for it", async () => {
    const { stdout, stderr, exitCode } = await sluice(["--help"], { NODE_DEBUG: "esm" });
    expect(stdout).toContain("Usage: npm run sluice --");
    expect(exitCode).toBe(0);
    expect(stderr).toContain("commander");
    expect(stderr).not.toMatch(/node-llama-cpp|\/hono\/|cli-progress|\/pino\/|\/yaml\//);
  });

  it.runIf(existsSync("/dev/full"))(
    "fails and says so if its output can't be written, since the disk is full",
    async () => {
      const full = openSync("/dev/full", "w");
      const child = spawn(process.execPath, [main, "config"], {
        ...{ cwd: folder, env: { PATH: process.env.PATH } },
        stdio: ["ignore", full, "pipe"],
      });
      const ended = once(child, "close");
      let stderr = "";
      child.stderr?.on("data", (chunk) => {
        stderr += String(chunk);
      });
      const [exitCode] = await ended;
      closeSync(full);
      expect(stderr).toMatch(/^error: the output can't be written: .*ENOSPC/);
      expect(exitCode).toBe(1);
    },
  );

  it("shows in its help how a value is written and how a switch is turned off", async () => {
    const { stdout } = await sluice(["serve", "--help"]);
    for (const term of ["--aliases <name=model>", "--max-tokens <n|model=n>", "--[no-]list-presets", "--insecure"]) {
      expect(stdout.replaceAll("\n", " \n")).toContain(`\n  ${term} `);
    }
  });

  it("is not ended by a SIGHUP before it has read its settings", async () => {
    const pipe = join(folder, "settings.yaml");
    execFileSync("mkfifo", [pipe]);
    // Until something is written, or for a second, its settings are awaited.
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const settings = openSync(pipe, "w");
    const tell = "process.on('newListener', (name) => name === 'SIGHUP' && process.stderr.write('it listens\\n'))";
    const child = spawn(process.execPath, ["--import", `data:text/javascript,${tell}`, main, "--config", pipe], {
      ...{ cwd: folder, env: { PATH: process.env.PATH } },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const ended = once(child, "close");
    let said = "";
    for await (const piece of child.stderr.setEncoding("utf8")) {
      said += piece;
      if (!said.includes("it listens") || child.killed) continue;
      child.kill("SIGHUP");
      writeSync(settings, "port: nonsense\n");
      closeSync(settings);
    }
    expect(await ended).toEqual([2, null]);
    closeSync(reader);
    expect(said).toContain("port");
  });

  it("exits with 2 for an unknown flag, with nothing on stdout", async () => {
    expect(await sluice(["--prot", "9000"])).toMatchObject({
      stdout: "",
      stderr: expect.stringContaining("(Did you mean --port?)"),
      exitCode: 2,
    });
  });

  it("takes settings from flags, its environment and sluice.yaml in its working folder", async () => {
    writeFileSync(join(folder, "sluice.yaml"), "slots: 2\nthreads: 3\n");
    const { stdout, exitCode } = await sluice(["config", "--json", "--port", "9000"], { SLUICE_SLOTS: "8" });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      port: { value: 9000, from: "--port" },
      slots: { value: 8, from: "SLUICE_SLOTS" },
      threads: { value: 3, from: "sluice.yaml:2" },
      host: { value: "127.0.0.1", from: "default" },
    });
  });
});
