/**
 * Makes a release: `node scripts/release.ts major|minor|patch|VERSION`. Sets the version, moves the changelog's section, runs the checks and tests,
 * packs with a list of all parts (SBOM), commits, and tags. Pushes and publishes nothing. `--dry-run` shows what would change, and changes nothing.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { nextVersion, planRelease } from "./release/plan.ts";
import { writeSbom } from "./release/sbom.ts";

const root = resolve(import.meta.dirname, "..");

const program = new Command("npm run release --")
  .argument("<version>", "major, minor, patch, or a version such as 1.2.0")
  .option("--dry-run", "show what would change, and change nothing")
  .option("--date <date>", "the day of the release; today if absent", new Date().toISOString().slice(0, 10))
  .action((word: string, { dryRun = false, date }: { dryRun?: boolean; date: string }) => release(word, dryRun, date));
try {
  program.parse();
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

function release(word: string, isDry: boolean, date: string): void {
  const { version: from } = JSON.parse(read("package.json"));
  const tags = git("tag", "--list", `v${from}`);
  const to = nextVersion(from, word, tags !== "");
  const changes = planRelease(read, { from, to, date });
  console.log(`${from} → ${to}, tag v${to}`);
  for (const { path, before, after } of changes) {
    const lines = new Set(before.split("\n"));
    const added = after.split("\n").filter((line) => !lines.has(line));
    console.log(`\n${path}`);
    for (const line of added.slice(0, 10)) console.log(`  + ${line.slice(0, 120)}`);
  }
  if (isDry) {
    console.log("\nNothing was changed.");
    return;
  }
  if (git("status", "--porcelain") !== "")
    throw new Error("There are changes that are not committed. Commit or remove them first.");
  for (const { path, after } of changes) writeFileSync(join(root, path), after);
  // The rendered chart has its version in it.
  run("npm", "run", "chart");
  run("npm", "ci");
  run("npm", "test");
  const folder = join(root, "release");
  mkdirSync(folder, { recursive: true });
  run("npm", "pack", "--pack-destination", folder);
  writeSbom(root, folder, to);
  const names = readdirSync(folder).filter((name) => name.includes(to));
  const sums = names.map(
    (name) =>
      `${createHash("sha256")
        .update(readFileSync(join(folder, name)))
        .digest("hex")}  ${name}\n`,
  );
  writeFileSync(join(folder, `sluice-gateway-${to}.sha256`), sums.join(""));
  git("commit", "--all", "--message", `Release ${to}`);
  git("tag", "--annotate", `v${to}`, "--message", `Sluice ${to}`);
  console.log(`\nThe release is in ${folder}. Look at it, then: git push --follow-tags`);
}

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

function git(...words: string[]): string {
  return execFileSync("git", words, { cwd: root, encoding: "utf8" }).trim();
}

function run(command: string, ...words: string[]): void {
  execFileSync(command, words, { cwd: root, stdio: "inherit" });
}
