import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";

// The package as people get it: packed, installed into an empty folder, and started by the machine's own Node.

const root = resolve(import.meta.dirname, "../..");
const run = promisify(execFile);

/** Another one than Sluice's own, so that the consumer's app and the gateway have two. */
const CONSUMERS_HONO = "4.12.0";

const GPU_PROGRAMS = ["linux-x64-cuda", "linux-x64-cuda-ext", "linux-x64-vulkan", "win-x64-cuda", "win-x64-vulkan"];

/** What a shell outside this checkout has: the machine's own Node and npm, and nothing that npm tells its scripts. */
const env: NodeJS.ProcessEnv = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(npm_|sluice_|node_)/i.test(name) || /^npm_config_(registry|cache|userconfig)$/i.test(name),
    ),
  ),
  PATH: (process.env.PATH ?? "")
    .split(delimiter)
    .filter((path) => !path.includes("node_modules"))
    .join(delimiter),
  // No model is to be downloaded: one is on the disk.
  HF_ENDPOINT: "http://127.0.0.1:1",
  PIP_INDEX_URL: "http://127.0.0.1:1",
};

type Packed = {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
};

let folder: string;
let packed: Packed;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-package-"));
  await run(process.execPath, ["scripts/build-dist.ts"], { cwd: root });
  // The pages were built by `npm ci`, and others use them now.
  const { stdout } = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], {
    ...{ cwd: root, env, maxBuffer: 16 * 1024 ** 2 },
  });
  packed = JSON.parse(stdout)[0];
  // As docs/install.md says for machines without a GPU: these are two thirds of all bytes.
  await mkdir(join(folder, "none"));
  await writeFile(join(folder, "none/package.json"), JSON.stringify({ name: "none", version: "0.0.0", os: ["none"] }));
  const overrides = Object.fromEntries(GPU_PROGRAMS.map((name) => [`@node-llama-cpp/${name}`, "file:./none"]));
  const consumer = { name: "consumer", private: true, type: "module", overrides };
  await writeFile(join(folder, "package.json"), JSON.stringify(consumer));
  const wanted = [`./${packed.filename}`, `hono@${CONSUMERS_HONO}`, "@hono/node-server@2.1.8"];
  const quiet = ["--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];
  await run("npm", ["install", "--save-exact", ...quiet, ...wanted], { cwd: folder, env });
  await mkdir(join(folder, "models"));
  const model = inject("modelPath");
  await symlink(resolve(root, model), join(folder, "models", model.slice(dirname(model).length + 1)));
}, 600_000);

afterAll(() => rm(folder, { recursive: true }));

/** Starts a program that says where it listens, hands the address to `use`, ends the program by SIGTERM, and returns how it ended. */
async function serve(command: string, args: readonly string[], use: (url: string) => Promise<void>, port = {}) {
  const child = spawn(command, args, { cwd: folder, env: { ...env, ...port }, stdio: ["ignore", "pipe", "pipe"] });
  const closed = once(child, "close");
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  try {
    const url = await new Promise<string>((found, fail) => {
      createInterface(child.stdout).on("line", (line) => {
        const [url] = /http:\/\/127\.0\.0\.1:\d+(?=$|\n)/.exec(line) ?? [];
        if (url !== undefined) found(url);
      });
      void closed.then(() => fail(new Error(`it ended before it listened: ${said}`)));
    });
    await use(url);
  } finally {
    child.kill("SIGTERM");
  }
  return closed;
}

async function chat(url: string): Promise<string> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      ...{ model: "smollm2-135m-instruct", messages: [{ role: "user", content: "Say hi" }] },
      ...{ max_tokens: 20, temperature: 0 },
    }),
  });
  expect(response.status).toBe(200);
  return JSON.stringify(await response.json());
}

describe("the npm package", () => {
  it("is small, and holds no source, test, or model", () => {
    const paths = packed.files.map(({ path }) => path);
    expect(packed.size).toBeLessThan(3 * 1024 ** 2);
    expect(paths.filter((path) => /\.(gguf|map|tsx?)$/.test(path) && !path.endsWith(".d.ts"))).toEqual([]);
    expect(paths.filter((path) => /^(src\/(?!web\/)|test|bench|scripts|pages|docs)\//.test(path))).toEqual([]);
    expect(paths).toEqual(expect.arrayContaining(["README.md", "LICENSE", "CHANGELOG.md", "dist/main.js"]));
  });

  it("prints its help, whichever Node the machine has", async () => {
    const { stdout, stderr } = await run("node_modules/.bin/sluice", ["--help"], { cwd: folder, env });
    expect(stdout).toContain("Usage: sluice");
    expect(stderr).toBe("");
  });

  it("exits with the command's own exit code", async () => {
    const ended = run("node_modules/.bin/sluice", ["--prot", "9000"], { cwd: folder, env });
    await expect(ended).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining("--port") });
  });

  it("calls its commands as npx runs them, when npx runs it", async () => {
    const { stdout } = await run("npx", ["sluice-gateway", "--help"], { cwd: folder, env });
    expect(stdout).toContain("npx sluice-gateway keys create alice");
  });

  it("answers with a model on the disk, without a network, and ends by SIGTERM", async () => {
    const ended = await serve("node_modules/.bin/sluice", ["--port", "0", "--no-warm-presets"], async (url) => {
      expect(await chat(url)).toContain("glad");
      const page = await fetch(url, { headers: { accept: "text/html" } });
      expect(await page.text()).toContain("<!doctype html>");
      expect((await fetch(`${url}/docs`)).status).toBe(200);
    });
    expect(ended).toEqual([0, null]);
  });
});

describe("the example of an app with the gateway in it", () => {
  const [, example = ""] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, "docs/mount.md"), "utf8")) ?? [];

  it("passes the strict checks of TypeScript, declarations of packages included", async () => {
    await writeFile(join(folder, "app.ts"), example);
    const types = join(root, "node_modules/@types");
    const options = ["--noEmit", "--strict", "--target", "es2024", "--module", "nodenext", "--skipLibCheck", "false"];
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    execFileSync(process.execPath, [tsc, ...options, "--types", "node", "--typeRoots", types, "app.ts"], {
      ...{ cwd: folder, stdio: "pipe", encoding: "utf8" },
    });
  });

  it("answers beside the app's own paths, with the app's own Hono, and ends by SIGTERM", async () => {
    await writeFile(join(folder, "app.ts"), example);
    const use = async (url: string) => {
      expect(await (await fetch(url)).text()).toBe("my app");
      expect(await chat(`${url}/llm`)).toContain("glad");
    };
    expect(await serve(process.execPath, ["app.ts"], use, { PORT: "0" })).toEqual([0, null]);
    const own = JSON.parse(readFileSync(join(folder, "node_modules/hono/package.json"), "utf8"));
    expect(own.version).toBe(CONSUMERS_HONO);
  });
});
