#!/usr/bin/env node
import module from "node:module";
import { holdHangUps } from "./cli/hang-up.ts";
import { findNodeProblem } from "./cli/node-version.ts";

// Everything else is imported behind this check: an old Node would stop at its syntax with a message that helps nobody.
const problem = findNodeProblem(process.versions.node, import.meta.url.endsWith(".ts"));
if (problem !== undefined) {
  process.stderr.write(`error: ${problem}\n`);
  process.exit(1);
}

const hangUps = holdHangUps(process);

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough, such as `head`, is no failure.
  if (error.code === "EPIPE") process.exit(0);
  process.stderr.write(`error: the output can't be written: ${error.message}\n`);
  process.exit(1);
});

// Modules compiled by an earlier start are taken from Node's own cache, which halves the time to the first word of `--help`.
module.enableCompileCache?.();

const [{ run }, { watchParent }] = await Promise.all([import("./cli/run.ts"), import("./cli/parent.ts")]);
watchParent(process, process.env);
const exitCode = await run(process.argv.slice(2), {
  // Opened by the commands that read it, and by no other.
  get stdin() {
    return process.stdin;
  },
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  process,
  hangUps,
});
// Handles that a command may have left open must not keep the program from ending.
await new Promise((written) => process.stdout.write("", written));
process.exit(exitCode);
