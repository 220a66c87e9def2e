import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";

const root = resolve(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

/** The instructions of the Dockerfile, each on a line. */
const instructions = read("Dockerfile")
  .replaceAll(/^#.*\n/gm, "")
  .replaceAll(/\\\n\s*/g, "")
  .split("\n")
  .filter((line) => line !== "");
const last = instructions.slice(instructions.findLastIndex((line) => line.startsWith("FROM ")));
const argumentOf = (name: string) => last.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? "";

describe("the image", () => {
  it("runs as the user of the chart, in the folder of the chart", () => {
    const chart = read("deploy/helm/sluice/templates/deployment.yaml");
    expect(argumentOf("USER")).toBe("1000:1000");
    expect(chart).toContain("runAsUser: 1000\n");
    expect(JSON.parse(argumentOf("VOLUME"))).toEqual([argumentOf("WORKDIR")]);
    expect(chart).toContain(`mountPath: ${argumentOf("WORKDIR")} }`);
  });

  it("starts the program itself, so that it gets the signals, and the chart's words are its command", () => {
    expect(JSON.parse(argumentOf("ENTRYPOINT"))).toEqual([
      "/opt/sluice/node_modules/.bin/node",
      "/opt/sluice/dist/main.js",
    ]);
    expect(JSON.parse(argumentOf("CMD"))).toEqual(["serve", "--host", "0.0.0.0"]);
  });

  it("is built from images of a stated version", () => {
    const bases = [...read("Dockerfile").matchAll(/^(?:FROM|ARG BASE_IMAGE=) ?([\w./-]+:\S+)/gm)].map(
      ([, name]) => name,
    );
    expect(bases).toHaveLength(2);
    for (const base of bases) expect(base).not.toContain(":latest");
  });

  it.each([
    [200, 0],
    [503, 1],
  ])("is as healthy as /health says: with %i, the check exits with %i", async (status, code) => {
    const server = createServer(({ url }, response) => response.writeHead(url === "/health" ? status : 404).end());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = z.object({ port: z.int() }).parse(server.address());
    const [, command = ""] = /CMD (\[.*\])$/.exec(argumentOf("HEALTHCHECK")) ?? [];
    const [, ...words] = z.array(z.string()).parse(JSON.parse(command));
    const ended = await new Promise((done) => {
      execFile(process.execPath, words, { env: { SLUICE_PORT: String(address.port) } }, (error) =>
        done(error?.code ?? 0),
      );
    });
    server.close();
    expect(ended).toBe(code);
  });

  it("is not healthy while nothing listens", async () => {
    const [, command = ""] = /CMD (\[.*\])$/.exec(argumentOf("HEALTHCHECK")) ?? [];
    const [, ...words] = z.array(z.string()).parse(JSON.parse(command));
    const ended = await new Promise((done) => {
      // Nobody may listen on port 1 but root.
      execFile(process.execPath, words, { env: { SLUICE_PORT: "1" } }, (error) => done(error?.code ?? 0));
    });
    expect(ended).toBe(1);
  });

  it("gets what the package holds, and no model", () => {
    const [first, ...kept] = read(".dockerignore")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    expect(first).toBe("*");
    const paths = kept.map((line) => line.replace(/^!/, ""));
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    const { files } = z.looseObject({ files: z.array(z.string()) }).parse(JSON.parse(read("package.json")));
    // Those are built inside, and people's changelog isn't needed there.
    const built = ["dist", "build/pages", "CHANGELOG.md"];
    for (const file of files.filter((name) => !built.includes(name))) {
      expect(paths.some((path) => file === path || file.startsWith(`${path}/`))).toBe(true);
    }
    expect(paths.some((path) => /^models$|gguf/.test(path))).toBe(false);
  });
});

describe("compose.yaml", () => {
  const service = z.looseObject({
    image: z.string(),
    read_only: z.literal(true),
    cap_drop: z.tuple([z.literal("ALL")]),
  });
  const { services } = z
    .object({ services: z.record(z.string(), service) })
    .parse(parse(read("compose.yaml"), { merge: true }));

  it("runs the image without rights, with a read-only root, and reachable from this machine only", () => {
    for (const each of Object.values(services)) {
      expect(each).toMatchObject({
        ...{ tmpfs: ["/tmp"], ports: ["127.0.0.1:8080:8080"], volumes: [`data:${argumentOf("WORKDIR")}`] },
        security_opt: ["no-new-privileges:true"],
      });
    }
  });

  it("builds both variants, with the arguments that the Dockerfile names", () => {
    expect(Object.keys(services)).toEqual(["gateway", "gateway-cuda"]);
    const { args } = z.object({ args: z.record(z.string(), z.string()) }).parse(services["gateway-cuda"]?.build);
    for (const [name, value] of Object.entries(args))
      expect(read("Dockerfile")).toContain(`--build-arg ${name}=${value}`);
  });
});
