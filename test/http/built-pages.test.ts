import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PAGE_PATHS } from "../../src/http/page-paths.ts";
import { openPages } from "../../src/http/pages.ts";
import { createTestApp } from "./support.ts";

const BROWSER = { headers: { accept: "text/html,application/xhtml+xml,*/*;q=0.8", "accept-encoding": "gzip, br" } };

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-pages-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function build(): Promise<void> {
  await mkdir(join(folder, "assets"));
  await writeFile(join(folder, "index.html"), "<!doctype html><title>Sluice</title>");
  await writeFile(join(folder, "assets", "main-1a2b.js"), "go();");
  await writeFile(join(folder, "assets", "main-1a2b.js.br"), "squeezed");
}

function createApp() {
  return createTestApp({ pages: openPages(pathToFileURL(`${folder}/`)) }).app;
}

describe("a browser", () => {
  it.each(PAGE_PATHS)("gets the page at %s", async (path) => {
    await build();
    const response = await createApp().request(path, BROWSER);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toMatch(/^text\/html/);
    expect(response.headers.get("cache-control")).toBe("no-cache");
    expect(response.headers.get("vary")).toContain("accept");
    expect(await response.text()).toContain("<title>Sluice</title>");
  });

  it("may run what comes with the page, and nothing that is written into it", async () => {
    await build();
    const response = await createApp().request("/", BROWSER);
    const policy = new Map(
      response.headers
        .get("content-security-policy")
        ?.split("; ")
        .map((rule) => [rule.split(" ", 1)[0], rule.split(" ").slice(1).join(" ")]),
    );
    expect(policy.get("default-src")).toBe("'none'");
    expect([policy.get("script-src"), policy.get("style-src")]).toEqual(["'self'", "'self'"]);
    expect(policy.get("require-trusted-types-for")).toBe("'script'");
    expect([...policy.values()].join(" ")).not.toMatch(/unsafe|\*|https?:/);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  });

  it("keeps what has a hash in its name for ever, and gets it compressed", async () => {
    await build();
    const response = await createApp().request("/pages/assets/main-1a2b.js", BROWSER);
    expect(response.headers.get("cache-control")).toContain("immutable");
    expect(response.headers.get("content-encoding")).toBe("br");
    expect(await response.text()).toBe("squeezed");
    const plain = await createApp().request("/pages/assets/main-1a2b.js");
    expect(await plain.text()).toBe("go();");
  });

  it.each([
    "/pages/assets/none.js",
    "/pages/../package.json",
    "/pages/%2e%2e/package.json",
    "/pages/assets/..%2f..%2fsecret",
    "/pages/other",
  ])("gets no other file: %s", async (path) => {
    await build();
    await writeFile(join(folder, "..", "sluice-secret"), "secret");
    const response = await createApp().request(`http://localhost${path}`, BROWSER);
    await rm(join(folder, "..", "sluice-secret"));
    expect(response.status).toBe(404);
    expect(response.headers.get("content-type")).toMatch(/^application\/json/);
  });

  it("is told at the root how to get the pages where they are not built, and gets them once they are", async () => {
    const app = createApp();
    expect(await (await app.request("/", BROWSER)).json()).toMatchObject({
      status: "ok",
      pages: expect.stringContaining("npm run pages"),
    });
    await build();
    expect((await app.request("/", BROWSER)).headers.get("content-type")).toMatch(/^text\/html/);
  });
});

describe("a program", () => {
  it("gets at the root what it always got", async () => {
    await build();
    for (const headers of [{}, { accept: "*/*" }, { accept: "application/json" }]) {
      const response = await createApp().request("/", { headers });
      expect(await response.json()).toEqual({ status: "ok", name: "Sluice", api: "/v1", docs: "/docs" });
    }
    expect((await createApp().request("/", { method: "POST", ...BROWSER })).status).toBe(404);
  });

  it("gets the models at /models, as it always did", async () => {
    await build();
    expect(await (await createApp().request("/models", { headers: { accept: "*/*" } })).json()).toMatchObject({
      object: "list",
    });
  });
});

it("is no page where pages are off", async () => {
  const response = await createTestApp().app.request("/", BROWSER);
  expect(await response.json()).toEqual({ status: "ok", name: "Sluice", api: "/v1", docs: "/docs" });
});
