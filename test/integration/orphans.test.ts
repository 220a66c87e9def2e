import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterEach, expect, inject, it } from "vitest";
import { isAlive, runSluice } from "./sluice-process.ts";

// How a gateway ends that isn't told by a signal of its own.

const started: ChildProcess[] = [];

afterEach(() => {
  // Each is a group of its own, with its gateway and its engine.
  for (const { pid } of started.splice(0)) {
    try {
      process.kill(-(pid ?? 0), "SIGKILL");
    } catch {
      // It is gone, as it should be.
    }
  }
});

const FLAGS = ["--port", "0", "--no-warm-presets", "--no-keep-prefixes", "--context", "256"];

/** Resolves when the gateway listens, with its process and what it writes after that. */
async function start(command: string, words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(command, words, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  started.push(child);
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  // The gateway has the pipes, too, and holds them until it ends.
  const closed = once(child, "close");
  const url = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).on("line", (line) => {
      const [, found] = /listens on (http:\S+)/.exec(line) ?? [];
      if (found !== undefined) resolve(found);
    });
    void closed.then(() => reject(new Error(`it ended: ${log}`)));
  });
  return { child, url, closed, log: () => log };
}

it("`sluice stop` ends a gateway and its engine, which exits with 0", async () => {
  const sluice = runSluice("--model", inject("modelPath"), "--context", "256");
  const url = await sluice.ready;
  const stop = spawn(process.execPath, ["src/main.ts", "stop", "--url", url], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  stop.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  expect(await once(stop, "close")).toEqual([0, null]);
  expect(said).toContain(`The gateway at ${url} has stopped`);
  expect(isAlive(sluice.pid)).toBe(false);
  expect(await sluice.ended).toEqual({ code: 0, signal: null });
  expect(sluice.stderr()).toContain("POST /admin/stop: accepting no new requests");
});

it("a SIGTERM to `npm start` ends the gateway, too", async () => {
  const { npm_lifecycle_event: _, npm_package_name: __, ...env } = process.env;
  const { child, closed, log } = await start("npm", ["start", "--", "--model", inject("modelPath"), ...FLAGS], env);
  child.kill("SIGTERM");
  await closed;
  expect(log()).toContain("SIGTERM: accepting no new requests");
  expect(log()).toContain('"stopped"');
});

it("a gateway lets its requests end and stops when its launcher was killed", async () => {
  const program = `require("node:child_process").spawn(process.execPath, process.argv.slice(1), { stdio: "inherit", env: { ...process.env, SLUICE_LAUNCHED: "1" } })`;
  const words = ["src/main.ts", "--model", inject("modelPath"), ...FLAGS];
  const { child, closed, log } = await start(process.execPath, ["-e", program, ...words]);
  child.kill("SIGKILL");
  await closed;
  expect(log()).toContain('"stopped"');
});
